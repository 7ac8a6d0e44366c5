/**
 * A pipeline that only exists in memory, for the parts of the dashboard.
 *
 * @module
 */

import type { ModelOptions, Shown } from "../../dashboard/server/model.ts";
import type { RunPlan } from "../../core/plan.ts";
import type { ResultRow } from "../../core/flow/row.ts";
import { NO_COUNTS } from "../../core/flow/slice.ts";
import type { BrokerHealth } from "../../processes/control/load.ts";
import { NO_FLEET } from "../../core/scaling/fleet.ts";
import { createFakeLog } from "../fake_log/fake_log.ts";
import type { ClockView, DrainView, SupervisorView } from "../../workflows/messages.ts";

/** When the fake clock begins. */
export const BASE_MS = Date.parse("2026-01-02T03:04:00Z");

/** A plan. */
export const PLAN: RunPlan = {
  pipeline: "p",
  topic: "p",
  resultsTopic: "p.results",
  lateTopic: "p.late",
  invalidTopic: "p.invalid",
  from: "earliest",
  windowing: { sizeMs: 10_000, slideMs: 10_000, offsetMs: 0 },
  delayMs: 60_000,
  idleAfterMs: 10_000,
  maxAheadMs: 300_000,
  maxDriftMs: 3_600_000,
  latenessMs: 0,
  shards: 1,
  groupBy: ["course"],
  aggregates: [{ name: "total", kind: "sum", field: "n" }],
  eventTimeField: "at",
};

/** A row of window `i` after the base. */
export function rowOf(i: number, course = "a", revision = 0): ResultRow {
  const start = BASE_MS + i * 10_000;
  const iso = (ms: number) => new Date(ms).toISOString();
  return {
    pipeline: "p",
    generation: 1,
    window: { start: iso(start), end: iso(start + 10_000) },
    key: { course },
    events: 1 + revision,
    values: { total: i },
    revision,
    final: true,
    watermark: iso(start + 10_000),
    emittedAt: iso(start + 70_000),
  };
}

/** What a drain answers. */
export function drainOf(partition: number, counts: Partial<DrainView["totals"]> = {}): DrainView {
  return {
    partition,
    mode: "active",
    stop: null,
    cursor: 10,
    end: 12,
    until: null,
    maxEventTime: BASE_MS + 65_000,
    watermark: BASE_MS + 5_000,
    totals: { ...NO_COUNTS, ...counts },
    inDelivery: 0,
    untold: [],
    lostPairs: 0,
    skippedOffsets: 0,
    slices: 1,
    busyMs: 5,
    held: false,
  };
}

/** What a clock answers. */
export const CLOCK: ClockView = {
  watermark: BASE_MS + 5_000,
  partitions: [[0, {
    mode: "active",
    watermark: BASE_MS + 5_000,
    seq: 1,
    firstEventTime: BASE_MS,
  }]],
  open: [],
  totals: { windows: 2, pairs: 7, refused: 0, rows: 4 },
  lost: [],
};

const SUPERVISOR: SupervisorView = {
  generation: 1,
  fingerprint: null,
  lease: null,
  fleet: NO_FLEET,
};

/** What may differ in a fake control process. */
export interface FakeOptions {
  /** The drain's answer. */
  readonly drain?: () => Promise<DrainView>;
  /** The clock's answer. */
  readonly clock?: () => Promise<ClockView>;
  /** Where the partition stands: `[cursor, end]`. */
  readonly at?: () => readonly [number, number];
  /** How many workers are ready. */
  readonly ready?: () => number;
  /** How the broker answers those who poll at the load. */
  readonly brokerHealth?: () => BrokerHealth;
}

/**
 * A control process in memory: one partition.
 *
 * @param options What differs.
 * @returns What a model is attached to.
 */
export async function fakeControl(options: FakeOptions = {}): Promise<Shown> {
  const { at = () => [10, 12], ready = () => 1 } = options;
  const log = createFakeLog();
  await log.admin.createTopics(
    [PLAN.topic, PLAN.resultsTopic, PLAN.lateTopic, PLAN.invalidTopic]
      .map((topic) => ({ topic, partitions: 1 })),
  );
  const page = () => {
    const [cursor, end] = at();
    return { partition: 0, cursor, end, doing: "working" as const, foldable: true };
  };
  return {
    generation: 1,
    partitions: [0],
    reader: log.reader,
    load: {
      get pages() {
        return [page()];
      },
      workerRate: 1_000,
      get brokerHealth() {
        return options.brokerHealth?.() ?? { ok: null, sinceMs: BASE_MS, problem: null };
      },
      loads: [{ worker: "w0", offsets: 200, busyMs: 2_500 }],
    },
    fleet: {
      get desired() {
        return ready();
      },
      get slots() {
        return Array.from({ length: ready() }, (_, slot) => ({
          slot,
          state: "ready" as const,
          pid: 100 + slot,
          identity: `w${slot}`,
          restarts: 0,
          problem: null,
        }));
      },
      times: { startupMs: 500, drainMs: null },
    },
    workflows: {
      clock: options.clock ?? (() => Promise.resolve(CLOCK)),
      drain: options.drain ??
        (() => Promise.resolve(drainOf(0, { read: 7, aggregated: 7, assigned: 7 }))),
      supervisor: () => Promise.resolve(SUPERVISOR),
      window: () => Promise.resolve(null),
      windowId: () => "p/1/window/x",
    },
  };
}

/**
 * What a model is made of.
 *
 * @param now Its clock.
 * @returns The options.
 */
export function modelOptions(now: () => number): ModelOptions {
  return {
    ...{ plan: PLAN, pipeline: "p", topic: "p", sizeMs: 10_000, slideMs: 10_000 },
    ...{ delayMs: 60_000, latenessMs: 0, groupBy: ["course"], aggregates: ["total"] },
    ...{ workflowUrl: "http://ui/namespaces/default/workflows/", staticWorkers: 4 },
    ...{ loading: null, now },
  };
}
