/**
 * A generation in memory, for the parts of the dashboard: a real `Drain` over a log in memory, whose
 * records are folded by the real fold, with real windows. What it says of itself is what observers are
 * told; nothing that is shown is made by hand.
 *
 * @module
 */

import { z } from "zod";
import type { ModelOptions, Shown } from "../../dashboard/server/model.ts";
import type { PipelineObserver } from "../../activities/observer.ts";
import { sideRecord } from "../../activities/side_record.ts";
import { definePipeline, sum, tumbling } from "../../definition/define.ts";
import { TestWindows } from "../../definition/testing/windows.ts";
import { type Decision, Drain, type DrainRules, newDrain } from "../../core/flow/drain.ts";
import { type ResultRow, rowsOf } from "../../core/flow/row.ts";
import type { SettleOutcome, WindowCall } from "../../core/flow/delivery.ts";
import type { SweepRequest, SweepResult, SweptPartition } from "../../core/flow/sweep.ts";
import { type GenerationView, viewOf } from "../../core/flow/view.ts";
import { jsonBytes, SliceCells } from "../../core/fold/cells.ts";
import { decodeOne } from "../../core/fold/decode.ts";
import { SliceFold } from "../../core/fold/fold.ts";
import { type RunPlan, runPlanOf } from "../../core/plan.ts";
import { LoadModel } from "../../processes/control/load.ts";
import { createFakeLog, type FakeLog } from "../fake_log/fake_log.ts";

/** When the clock of the tests begins. */
export const BASE_MS = Date.parse("2026-01-02T03:04:00Z");

const PIPELINE = definePipeline({
  name: "p",
  source: { topic: "p" },
  event: z.object({ course: z.string(), n: z.number(), at: z.string() }),
  eventTime: "at",
  watermark: { delay: "5s" },
  window: tumbling("10s"),
  groupBy: ["course"],
  aggregates: { total: sum("n") },
});

/** A plan: windows of 10 s, a delay of 5 s. */
export const PLAN: RunPlan = {
  ...runPlanOf(PIPELINE.plan),
  idleAfterMs: 10_000,
  maxDriftMs: 3_600_000,
};

/** How many open windows the control process is told of, as by the drain workflow. */
const TOLD_WINDOWS = 200;
const SHORT = { events: 0, bytes: 0, suggested: false };

/** How a generation differs from one of a single partition. */
export interface DrivenOptions {
  /**
   * How many partitions.
   * @default {1}
   */
  readonly partitions?: number;
  /**
   * How many sweeps the fleet has room for.
   * @default {1}
   */
  readonly slots?: number;
  /**
   * What the plan says otherwise.
   * @default {{}}
   */
  readonly plan?: Partial<RunPlan>;
  /**
   * What the drain's rules say otherwise.
   * @default {{}}
   */
  readonly rules?: Partial<DrainRules>;
  /**
   * The fixed ends of a bounded run; null while live.
   * @default {null}
   */
  readonly until?: number | null;
  /**
   * When it begins.
   * @default {BASE_MS}
   */
  readonly baseMs?: number;
}

/** What sweeps find beside the records. */
export type Finds = Readonly<Record<number, Partial<SweptPartition>>>;

/** A generation that is driven step by step. */
export class Driven {
  /** The time. */
  nowMs: number;
  /** Whether the results topic takes rows. */
  isWritable = true;
  /** Whether Temporal answers, what it waits for before it does, and how often it was asked. */
  temporal = { isAway: false, before: Promise.resolve(), asked: 0 };
  /** How many workers are ready. */
  ready = 1;
  /** The plan. */
  readonly plan: RunPlan;
  /** The drain. */
  readonly drain: Drain;
  /** The log. */
  readonly log: FakeLog = createFakeLog();
  /** What is known of the load. */
  readonly load: LoadModel;
  readonly #observers: PipelineObserver[];
  readonly #baseMs: number;
  readonly #unwritten = new Map<string, ReturnType<TestWindows["call"]>>();
  #windows: TestWindows;

  private constructor(
    { partitions = 1, slots = 1, plan = {}, rules = {}, until = null, baseMs = BASE_MS }:
      DrivenOptions,
  ) {
    this.nowMs = this.#baseMs = baseMs;
    this.plan = { ...PLAN, ...plan };
    this.#windows = new TestWindows(this.plan);
    this.drain = new Drain(
      {
        ...this.plan,
        ...{ generation: 1, topicId: null, paceMs: 5_000, sliceMs: 1_000 },
        ...{ deliverEveryMs: 5_000, emitEveryMs: null, maxOpenWindows: 10_000 },
        ...rules,
      },
      newDrain(
        Array.from({ length: partitions }, (_, partition) => ({ partition, cursor: 0, until })),
        "code",
      ),
    );
    this.drain.ready(slots);
    const { topic } = this.plan;
    this.load = new LoadModel({
      ends: (some) => this.log.reader.ends(topic, some),
      now: () => this.nowMs,
      broker: (problem) => this.#tell((observer) => observer.broker?.(problem)),
    });
    this.#observers = [this.load];
  }

  /** Makes the topics, and the drain's first decision. */
  static async open(options: DrivenOptions = {}): Promise<Driven> {
    const driven = new Driven(options);
    const { topic, resultsTopic, lateTopic, invalidTopic } = driven.plan;
    await driven.log.admin.createTopics([
      { topic, partitions: options.partitions ?? 1 },
      ...[resultsTopic, lateTopic, invalidTopic].map((name) => ({ topic: name, partitions: 1 })),
    ]);
    await driven.decide();
    return driven;
  }

  /** Tells somebody of what happens from now on, and of how it is now. */
  observe(observer: PipelineObserver): void {
    this.#observers.push(observer);
    observer.drained?.(this.view);
  }

  /** What the drain says of itself. */
  get view(): GenerationView {
    return viewOf(this.drain, TOLD_WINDOWS);
  }

  /** Writes events of a partition: their times after the base, in ms, or any text. */
  async send(partition: number, ...events: readonly (number | string)[]): Promise<void> {
    const texts = events.map((event) =>
      typeof event === "string" ? event : eventAt(event, "a", 1, this.#baseMs)
    );
    await this.log.writer.send(
      this.plan.topic,
      texts.map((value) => ({ key: null, value, partition, timestampMs: this.nowMs })),
    );
  }

  /** Lets all sweeps that are out answer, having folded all that is there. */
  async sweep(finds: Finds = {}, afterMs = 1_000): Promise<void> {
    const requests = this.drain.sweepsOut;
    this.nowMs += afterMs;
    for (const request of requests) {
      const result = await this.#resultOf(request, finds, afterMs);
      const records = result.partitions.reduce((sum, { counts }) => sum + counts.read, 0);
      const { n, worker, busyMs, ranMs } = result;
      this.#tell((observer) => observer.swept?.({ n, worker, records, busyMs, ranMs }));
      this.drain.swept(result);
    }
    await this.decide();
  }

  /** Takes in what has come, and does what follows but for sweeps. */
  async decide(): Promise<void> {
    for (;;) {
      const { commands } = this.drain.decide(this.nowMs, SHORT);
      this.#tell((observer) => observer.drained?.(this.view));
      if (!await this.#settle(commands)) return;
    }
  }

  /** Temporal forgets all windows that are open. */
  forgetWindows(): void {
    this.#windows = new TestWindows(this.plan);
  }

  /** What a model is attached to. */
  control(): Shown {
    return {
      generation: 1,
      reader: this.log.reader,
      load: this.load,
      fleet: fleetOf(() => this.ready),
      workflows: {
        exists: async () => {
          this.temporal.asked += 1;
          await this.temporal.before;
          if (this.temporal.isAway) throw new Error("14 UNAVAILABLE");
          return true;
        },
      },
    };
  }

  async #settle(commands: Decision["commands"]): Promise<boolean> {
    let settled = false;
    for (const command of commands) {
      if (command.kind !== "settle") continue;
      settled = true;
      const outcomes: SettleOutcome[] = [];
      for (const call of command.calls) outcomes.push(await this.#call(call));
      this.drain.settled(command.id, outcomes);
    }
    return settled;
  }

  async #call(call: WindowCall): Promise<SettleOutcome> {
    // A window that has ended answers a repeat of its last call from its result.
    const id = `${call.start}/${call.shard}/${call.call.n}`;
    const answer = this.#unwritten.get(id) ?? this.#windows.call(call);
    const [outcome, emitted] = answer;
    if (emitted === null) return outcome;
    if (!this.isWritable) {
      this.#unwritten.set(id, answer);
      return { ...outcome, end: "taken" };
    }
    this.#unwritten.delete(id);
    const { start, shard, head, cells } = emitted;
    const rows = rowsOf(this.plan, { generation: 1, windowStart: start, ...head }, cells);
    await this.log.writer.send(
      this.plan.resultsTopic,
      rows.map((row) => ({ key: null, value: JSON.stringify(row) })),
    );
    this.#tell((observer) => observer.emitted?.({ start, shard, rows, final: head.final }));
    return outcome;
  }

  async #resultOf(request: SweepRequest, finds: Finds, ranMs: number): Promise<SweepResult> {
    const cells = new SliceCells(this.plan, request.limits);
    const partitions: SweptPartition[] = [];
    for (const asked of request.partitions) {
      const { partition, cursor: from } = asked;
      const { topic } = this.plan;
      const { records: found } = asked.role === "look" || finds[partition]?.failure !== undefined
        ? { records: [] }
        : await this.log.reader.fetch({ topic, partition, from });
      const records = request.setAside ? found.slice(0, 1) : found;
      const fold = new SliceFold(this.plan, PIPELINE.reader, { ...asked, cells });
      const decoded = records.map(({ value }) =>
        decodeOne(value ?? new Uint8Array(), (bytes) => new TextDecoder().decode(bytes))
      );
      if (!request.setAside) fold.add(records, decoded, () => "");
      const aside = request.setAside ? records.length : 0;
      const byOffset = new Map(records.map((record) => [record.offset, record]));
      for (const reject of fold.takeRejects()) {
        const record = byOffset.get(reject.offset);
        if (record === undefined) continue;
        const side = reject.kind === "late" ? this.plan.lateTopic : this.plan.invalidTopic;
        const source = { topic, partition, generation: 1 };
        await this.log.writer.send(side, [sideRecord(this.plan, source, reject, record)]);
      }
      const to = (records.at(-1)?.offset ?? from - 1) + 1;
      const moved = fold.maxEventTime !== asked.maxEventTime;
      partitions.push({
        ...{ partition, from, to, end: to, highWatermark: to },
        maxEventTime: fold.maxEventTime,
        firstEventTime: fold.firstEventTime,
        counts: { ...fold.counts, read: fold.counts.read + aside, failed: aside },
        looked: { confirmedMs: records.length > 0 ? 0 : ranMs, moved },
        ...{ found: false, hollow: false, openTransaction: null },
        ...{ leaderEpoch: null, last: null, failure: null },
        ...finds[partition],
      });
    }
    const spans = new Map(partitions.map(({ partition, from, to }) => [partition, [from, to]]));
    return {
      n: request.n,
      ...{ codeHash: "code", why: "pace", ranMs, busyMs: 250, attempt: 1, worker: "w0" },
      topicPartitions: null,
      partitions,
      windows: cells.shared().map(({ start, shard, cells, partitions: sources }) => ({
        ...{ start, shard, cells, bytes: jsonBytes(cells) },
        spans: sources.map((partition) => {
          const [from = 0, to = 0] = spans.get(partition) ?? [];
          return [partition, from, to] as const;
        }),
      })),
    };
  }

  #tell(what: (observer: PipelineObserver) => void): void {
    for (const observer of this.#observers) what(observer);
  }
}

/** An event as JSON. */
export function eventAt(afterMs: number, course = "a", n = 1, baseMs = BASE_MS): string {
  return JSON.stringify({ course, n, at: new Date(baseMs + afterMs).toISOString() });
}

/** A fleet of so many workers, all of them ready. */
function fleetOf(ready: () => number): Shown["fleet"] {
  return {
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
  };
}

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

/** What a model is made of. */
export function modelOptions(now: () => number, plan: RunPlan = PLAN): ModelOptions {
  return {
    ...{ plan, pipeline: "p", topic: "p", sizeMs: 10_000, slideMs: 10_000 },
    ...{ delayMs: plan.delayMs, latenessMs: plan.latenessMs, groupBy: ["course"] },
    ...{ aggregates: ["total"], workflowUrl: "http://ui/namespaces/default/workflows/" },
    ...{ staticWorkers: 4, loading: null, now },
  };
}
