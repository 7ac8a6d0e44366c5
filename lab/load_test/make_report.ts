/**
 * Makes a load test's report of what it recorded.
 *
 * @module
 */

import type { FleetBounds } from "../../core/scaling/fleet.ts";
import { type HeardNote, workerRateOf } from "../../core/scaling/speed.ts";
import { quantile } from "../machine.ts";
import { judge, type Judged, tableTwo } from "./judge.ts";
import { costOf, delaysOf, type EventDelay, reactionOf, summarize } from "./measures.ts";
import { expectedWorkers } from "./plan.ts";
import { stepsOf } from "./record.ts";
import type { LoadTestReport, ReportDelays, ReportOptions } from "./report.ts";
import type { LoadTestRun } from "./run.ts";

/** What a report needs beside the run. */
export interface ReportInput {
  /** What the test was asked to do. */
  readonly options: ReportOptions;
  /** The fewest and the most workers. */
  readonly bounds: FleetBounds;
  /** The price of an instance-hour; null if it was not given. */
  readonly price: number | null;
}

/** Makes the report. */
export function loadTestReport(
  run: LoadTestRun,
  { options, bounds, price }: ReportInput,
): LoadTestReport {
  const { points, phases, decisions, audit, recomputed, overhead } = run;
  const { rate, enrichMs, keyedBy } = options;
  const work = workByPhase(run);
  // Without lookups, what a sweep costs beside its records is most of what a small one takes.
  const workerRate = enrichMs > 0 ? run.workerRate : work.spike?.workerRate ?? null;
  // With lookups, what is expected must not become less because the machine is slow.
  const worth = enrichMs > 0 ? 1000 / enrichMs : workerRate ?? Infinity;
  const expected = expectedWorkers({ rate, workerRate: worth, ...bounds });
  const delays = run.content === null ? [] : delaysOf(run.content.arrivals, run.marks);
  const zero = run.zero === null ? null : { ...run.zero, wakeMs: lastDelay(delays) };
  const judged: Judged = { points, phases, expected, rate, zero };
  const verdicts = judge(judged);
  const counts = keyedBy === "student_id" && enrichMs > 0;
  const spike = phases.find(({ name }) => name === "spike") ?? null;
  const passed = !counts || verdicts.every((verdict) => verdict.passed);
  const holds = audit.ok && run.allClosed && recomputed?.ok !== false;
  return {
    ok: passed && holds,
    options,
    workerRate,
    work,
    table: tableTwo(judged),
    verdicts,
    judged: counts,
    fleet: stepsOf(points, ({ desired }) => desired),
    decisions: decisions.filter(({ desired, previous }) => desired !== previous),
    hot: hotLines(decisions),
    reaction: reactionOf({ points, spike, decisions, wakeMs: firstDelay(delays) }),
    zero,
    delays: delaysByPhase(delays, run),
    recomputed,
    cost: costOf({ points, phases, expected, overhead, price }),
    phases,
    timeline: points,
  };
}

function byArrival(delays: readonly EventDelay[]): EventDelay[] {
  return [...delays].sort((a, b) => a.atMs - b.atMs);
}

function firstDelay(delays: readonly EventDelay[]): number | null {
  return byArrival(delays)[0]?.delayMs ?? null;
}

function lastDelay(delays: readonly EventDelay[]): number | null {
  return byArrival(delays).at(-1)?.delayMs ?? null;
}

function delaysByPhase(delays: readonly EventDelay[], { phases }: LoadTestRun): ReportDelays {
  const found = phases.flatMap((span) => {
    const summary = summarize(delays, span);
    return summary === null ? [] : [[span.name, summary] as const];
  });
  const byPhase: ReportDelays["phases"] = Object.fromEntries<typeof found[number][1]>(found);
  return { all: summarize(delays), phases: byPhase };
}

function workByPhase({ phases, notes }: LoadTestRun): LoadTestReport["work"] {
  const found = phases.flatMap(({ name, fromMs, toMs }) => {
    const inside = notes.filter(({ atMs }) => atMs >= fromMs && atMs < toMs);
    const records = inside.reduce((sum, note) => sum + note.records, 0);
    return inside.length === 0 ? [] : [
      [name, {
        sweeps: inside.length,
        records,
        workerRate: workerRateOf(inside),
        pauseMs: pauseOf(inside),
      }] as const,
    ];
  });
  return Object.fromEntries<typeof found[number][1]>(found);
}

/** The median time between two sweeps of a worker; null where none had two. */
function pauseOf(notes: readonly HeardNote[]): number | null {
  const lastEnd = new Map<string, number>();
  const pauses: number[] = [];
  for (const { worker, atMs, ranMs } of [...notes].sort((a, b) => a.atMs - b.atMs)) {
    const before = lastEnd.get(worker);
    if (before !== undefined) pauses.push(Math.max(0, atMs - ranMs - before));
    lastEnd.set(worker, atMs);
  }
  return pauses.length === 0 ? null : quantile(pauses, 0.5);
}

/** The last word on each set of hot partitions. */
function hotLines(decisions: LoadTestRun["decisions"]): string[] {
  const last = new Map<string, string>();
  for (const { inputs: { hot }, reason } of decisions) {
    if (hot.length > 0) last.set(hot.join(), reason);
  }
  return [...last.values()];
}
