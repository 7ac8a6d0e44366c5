/**
 * The budgets: what is measured, the goal beside it, and how the goal is judged.
 *
 * @module
 */

import { quantile } from "../machine.ts";
import { type BacklogCase, type BacklogRun, type BacklogSpec, runBacklogs } from "./backlog.ts";
import type { BenchContext } from "./context.ts";
import { benchCrash } from "./crash.ts";
import type { Engine } from "./engine.ts";
import { benchFleet, fleetLines } from "./fleet.ts";
import { benchFold, foldLine } from "./fold.ts";
import { benchIdle, idleLine } from "./idle.ts";
import { type LiveRun, type LiveSpec, runLive } from "./live.ts";
import { oursWith } from "./ours.ts";
import { buildFlinkJob } from "./peers/flink/build.ts";
import { type FlinkOptions, flinkWith } from "./peers/flink/job.ts";
import { isNoisy, ratiosOf, type Spread, spreadOf } from "./judge.ts";

/** One budget, as it came out. */
export interface Judged {
  /** What is measured. */
  readonly what: string;
  /** The goal in words. */
  readonly goal: string;
  /** What was measured, in words. */
  readonly measured: string;
  /** Whether the goal is met; null if there is none, or it could not be measured. */
  readonly met: boolean | null;
}

/** What a row came to. */
export interface RowResult {
  /** The budgets that it is for. */
  readonly judged: readonly Judged[];
  /** Whether the machine was not quiet. */
  readonly noisy: boolean;
  /** Whether accounts hold and rows are what they must be. */
  readonly right: boolean;
  /** All that was measured. */
  readonly data: unknown;
}

/** A row of the benchmark. */
export interface BudgetRow {
  /** Its name, for `--only`. */
  readonly name: string;
  /** What it measures, for people. */
  readonly what: string;
  /** Measures it. */
  run(context: BenchContext, events: number): Promise<RowResult>;
}

function words({ median, min, max }: Spread, digits = 2, unit = ""): string {
  const [m, a, b] = [median, min, max].map((n) => n.toFixed(digits));
  return `${m}${unit} (${a} to ${b})`;
}

function thousands(spread: Spread): string {
  const { median, min, max } = spread;
  return words({ median: median / 1000, min: min / 1000, max: max / 1000 }, 0, " k");
}

const speed = (run: BacklogRun) => run.eventsPerSecond;
const perCpu = (run: BacklogRun) => run.eventsPerCpuSecond;

/** A spread of one figure of some runs. */
function over<T>(runs: readonly T[], figure: (run: T) => number): Spread {
  return spreadOf(runs.map(figure));
}

function backlogResult(
  cases: readonly BacklogCase[],
  runs: readonly (readonly BacklogRun[])[],
  judged: readonly Judged[],
): RowResult {
  const all = runs.flat();
  return {
    judged,
    noisy: all.some(isNoisy),
    right: all.every(({ rowsDiffer, holds }) => rowsDiffer === 0 && holds !== false),
    data: cases.map(({ spec, engine }, i) => ({ spec, engine: engine.name, runs: runs[i] })),
  };
}

async function flinks(context: BenchContext, all: readonly FlinkOptions[]): Promise<Engine[]> {
  const job = await buildFlinkJob(context.cacheDir, context.say);
  return all.map((options) => flinkWith(context, job, options));
}

/** 2 M events, 200 windows, beside Flink as its scripts start it, and with the faster collector. */
const backlog: BudgetRow = {
  name: "backlog",
  what: "2 M events, 200 windows, 4 partitions, one worker, to the last row; beside durable Flink",
  async run(context, events) {
    const spec: BacklogSpec = { name: "backlog", events, partitions: 4 };
    const peers = await flinks(context, [
      { bounded: true },
      { bounded: true, gc: "Parallel" },
    ]);
    const cases = [oursWith(context, 1), ...peers].map((engine) => ({ spec, engine }));
    const runs = await runBacklogs(context, cases);
    const [ours = [], flink = [], tuned = []] = runs;
    const rate = ratiosOf(ours, flink, speed);
    const cpu = ratiosOf(ours, flink, perCpu);
    return backlogResult(cases, runs, [
      {
        what: "2 M events, 200 windows, 4 partitions, one worker, to the last row",
        goal: "≥ 1.35 × durable Flink",
        measured: `${words(rate)} ×: ${thousands(over(ours, speed))} events/s, Flink ` +
          `${thousands(over(flink, speed))}; Flink with ParallelGC ` +
          `${thousands(over(tuned, speed))}, ${words(ratiosOf(ours, tuned, speed))} ×`,
        met: rate.median >= 1.35,
      },
      {
        what: "events per CPU second, all of ours and Temporal counted, starts included",
        goal: "≥ 1.4 × durable Flink",
        measured: `${words(cpu)} ×: ${thousands(over(ours, perCpu))}, Flink ` +
          `${thousands(over(flink, perCpu))}; Flink with ParallelGC ` +
          `${thousands(over(tuned, perCpu))}, ${words(ratiosOf(ours, tuned, perCpu))} ×`,
        met: cpu.median >= 1.4,
      },
    ]);
  },
};

const partitions64: BudgetRow = {
  name: "partitions-64",
  what: "the same with 64 partitions, beside 4",
  async run(context, events) {
    const engine = oursWith(context, 1);
    const cases: BacklogCase[] = [4, 64].map((partitions) => ({
      engine,
      spec: { name: `partitions-${partitions}`, events, partitions },
    }));
    const runs = await runBacklogs(context, cases);
    const [few = [], many = []] = runs;
    const ratio = ratiosOf(many, few, speed);
    return backlogResult(cases, runs, [{
      what: "64 partitions",
      goal: "within 25 % of 4 partitions",
      measured: `${words(ratio)} ×: ${thousands(over(many, speed))} events/s, ` +
        `4 partitions ${thousands(over(few, speed))}`,
      met: ratio.median >= 0.75,
    }]);
  },
};

const long: BudgetRow = {
  name: "backlog-20m",
  what: "ten times as many events, beside the usual number, and Flink",
  async run(context, events) {
    const [flink] = await flinks(context, [{ bounded: true }]);
    if (flink === undefined) throw new Error("Cannot measure without Flink");
    const engine = oursWith(context, 1);
    const ten: BacklogSpec = { name: "backlog-20m", events: events * 10, partitions: 4 };
    const cases: BacklogCase[] = [
      { engine, spec: { name: "backlog-2m", events, partitions: 4 } },
      { engine, spec: ten },
      { engine: flink, spec: ten },
    ];
    const runs = await runBacklogs(context, cases);
    const [one = [], more = [], peer = []] = runs;
    const flat = ratiosOf(more, one, speed);
    return backlogResult(cases, runs, [{
      what: "20 M events",
      goal: "flat: ≥ 0.9 × the speed of 2 M",
      measured: `${words(flat)} ×: ${thousands(over(more, speed))} events/s, ` +
        `Flink ${thousands(over(peer, speed))}, ${words(ratiosOf(more, peer, speed))} ×; per CPU ` +
        `second ${words(ratiosOf(more, peer, perCpu))} ×`,
      met: flat.median >= 0.9,
    }]);
  },
};

/** Keys of a window, and events of a cell, at the least. */
const KEYS = 10_000;
const EVENTS_OF_CELL = 100;
/** The windows' size is 10 s everywhere. */
const WINDOW_MS = 10_000;

const keys: BudgetRow = {
  name: "keys-10000",
  what: "10,000 keys a window, beside Flink",
  async run(context, events) {
    const [flink] = await flinks(context, [{ bounded: true }]);
    if (flink === undefined) throw new Error("Cannot measure without Flink");
    const ours = oursWith(context, 1);
    const stepMs = WINDOW_MS / (KEYS * EVENTS_OF_CELL);
    const many: BacklogSpec = {
      name: "keys-10000",
      events,
      partitions: 4,
      stepMs,
      key: "student_id",
      students: KEYS,
      shards: 4,
    };
    const few: BacklogSpec = { name: "keys-8", events, partitions: 4 };
    const cases: BacklogCase[] = [
      { engine: ours, spec: many },
      { engine: flink, spec: many },
      { engine: ours, spec: few },
    ];
    const runs = await runBacklogs(context, cases);
    const [own = [], peer = [], usual = []] = runs;
    const ratio = ratiosOf(own, peer, speed);
    return backlogResult(cases, runs, [{
      what: "10,000 keys a window, 100 events a cell",
      goal: "≥ 0.5 × durable Flink",
      measured: `${words(ratio)} ×: ${thousands(over(own, speed))} events/s, Flink ` +
        `${thousands(over(peer, speed))}; ${words(ratiosOf(own, usual, speed))} × that of 8 keys`,
      met: ratio.median >= 0.5,
    }]);
  },
};

const windows: BudgetRow = {
  name: "windows",
  what: "2,000 windows of 100 events",
  async run(context, events) {
    const [flink] = await flinks(context, [{ bounded: true }]);
    if (flink === undefined) throw new Error("Cannot measure without Flink");
    const spec: BacklogSpec = { name: "windows", events: events / 10, partitions: 4, stepMs: 100 };
    const cases = [oursWith(context, 1), flink].map((engine) => ({ spec, engine }));
    const runs = await runBacklogs(context, cases);
    const [ours = [], peer = []] = runs;
    const closes = over(ours, (run) => run.windowsPerSecond);
    return backlogResult(cases, runs, [{
      what: "windows closed in a backlog (2,000 windows of 100 events)",
      goal: "≥ 80 a second",
      measured: `${words(closes, 0)}; Flink ${words(over(peer, (run) => run.windowsPerSecond), 0)}`,
      met: closes.median >= 80,
    }]);
  },
};

function liveResult(runs: readonly LiveRun[], judged: readonly Judged[]): RowResult {
  return {
    judged,
    noisy: runs.some(isNoisy),
    right: runs.every(({ holds }) => holds !== false),
    data: runs,
  };
}

function closing(name: string, partitions: number, windowMs: number, peers: boolean): BudgetRow {
  const spec: LiveSpec = { name, partitions, windowMs };
  const size = `${windowMs / 1000} s windows, ${partitions} partitions`;
  return {
    name,
    what: `close to emit at 1,000 events/s, ${size}`,
    async run(context) {
      const others = peers ? await flinks(context, [{}, { sink: "at-least-once" }]) : [];
      const runs = await runLive(context, spec, [oursWith(context, 1), ...others]);
      const [ours] = runs;
      const latency = (run: LiveRun) =>
        `${run.engine} p50 ${run.p50Ms}, p99 ${run.p99Ms}, max ${run.maxMs} ms ` +
        `(${run.closes} closes)`;
      return liveResult(runs, [{
        what: `close to emit, 1,000 events/s, ${size}`,
        goal: "p50 ≤ 50 ms, p99 ≤ 100 ms",
        measured: runs.map(latency).join("; "),
        met: ours === undefined ? null : ours.p50Ms <= 50 && ours.p99Ms <= 100,
      }]);
    },
  };
}

function calm(name: string, partitions: number, peers: boolean): BudgetRow {
  const spec: LiveSpec = { name, partitions, windowMs: WINDOW_MS };
  const size = `${partitions} partitions`;
  return {
    name,
    what: `what 1,000 events/s take, 10 s windows, ${size}`,
    async run(context) {
      const others = peers ? await flinks(context, [{}]) : [];
      const runs = await runLive(context, spec, [oursWith(context, 1), ...others]);
      const [ours, flink] = runs;
      if (ours === undefined) throw new Error("Cannot measure: there is no run");
      const parts = Object.entries(ours.cores).map(([part, n]) => `${part} ${n.toFixed(3)}`);
      const { requestsPerSecond: requests, actionsPerSecond: actions } = ours;
      return liveResult(runs, [
        {
          what: `cores at 1,000 events/s, all of ours and Temporal, ${size}`,
          goal: "≤ 0.13",
          measured: `${ours.engineCores.toFixed(3)} (${parts.join(", ")})` +
            (flink === undefined ? "" : `; Flink ${flink.engineCores.toFixed(3)}`),
          met: ours.engineCores <= 0.13,
        },
        {
          what: `frontend requests of Temporal, live at 1,000 events/s, ${size}`,
          goal: "≤ 6 a second",
          measured: requests === null ? "not counted" : `${requests.toFixed(2)} a second`,
          met: requests === null ? null : requests <= 6,
        },
        {
          what: `billable actions, live at 1,000 events/s, ${size}`,
          goal: "≤ 1.5 a second",
          measured: actions === null ? "not counted" : `${actions.toFixed(2)} a second`,
          met: actions === null ? null : actions <= 1.5,
        },
        {
          what: `close to emit, 10 s windows, ${size}`,
          goal: "p50 ≤ 50 ms, p99 ≤ 100 ms",
          measured: `p50 ${ours.p50Ms}, p99 ${ours.p99Ms}, max ${ours.maxMs} ms ` +
            `(${ours.closes} closes)`,
          met: ours.p50Ms <= 50 && ours.p99Ms <= 100,
        },
        {
          what: `memory, live with the page open, ${size}`,
          goal: "control process ≤ 400, worker ≤ 350 MiB",
          measured: Object.entries(ours.rssMiB).map(([part, n]) => `${part} ${n}`).join(", ") +
            " MiB",
          met: (ours.rssMiB.control ?? NaN) <= 400 && (ours.rssMiB.worker ?? NaN) <= 350,
        },
      ]);
    },
  };
}

const idle: BudgetRow = {
  name: "idle",
  what: "what is asked of Temporal while nothing happens, with 0 workers",
  async run(context) {
    const data = await benchIdle(context);
    context.say(`  ${idleLine(data)}`);
    const { requestsPerSecond: requests, actionsPerHour: actions, rssMiB } = data;
    return {
      judged: [
        {
          what: "frontend requests of Temporal, idle with 0 workers",
          goal: "≤ 0.15 a second",
          measured: requests === null ? "not counted" : `${requests.toFixed(3)} a second`,
          met: requests === null ? null : requests <= 0.15,
        },
        {
          what: "billable actions, idle with 0 workers",
          goal: "≤ 250 an hour",
          measured: actions === null ? "not counted" : `${actions.toFixed(0)} an hour`,
          met: actions === null ? null : actions <= 250,
        },
        {
          what: "memory of the control process, idle",
          goal: "≤ 250 MiB",
          measured: `${rssMiB} MiB`,
          met: rssMiB <= 250,
        },
      ],
      noisy: isNoisy(data),
      right: true,
      data,
    };
  },
};

/** Rounds of folding alone for each pair. */
const FOLD_ROUNDS = 5;

const fold: BudgetRow = {
  name: "fold",
  what: "folding alone, beside one JSON.parse of the same records",
  async run(context) {
    const data = benchFold(context.pairs * FOLD_ROUNDS, await context.quiet());
    context.say(`  ${foldLine(data)}`);
    const ratio = spreadOf(data.ratios);
    return {
      judged: [{
        what: "fold alone, one core, beside one JSON.parse of 500 joined records",
        goal: "≥ 0.5",
        measured: `${words(ratio)}; ${foldLine(data)}`,
        met: ratio.median >= 0.5,
      }],
      noisy: isNoisy(data),
      right: true,
      data,
    };
  },
};

const crash: BudgetRow = {
  name: "crash",
  what: "how soon work goes on after a SIGKILL",
  async run(context) {
    const data = await benchCrash(context, Math.max(3, context.pairs));
    const [other, fresh, control] = [data.toOtherMs, data.toNewMs, data.restartMs].map(spreadOf);
    const row = (what: string, goal: number, spread: Spread | undefined): Judged => ({
      what,
      goal: `≤ ${goal} ms`,
      measured: spread === undefined ? "not measured" : words(spread, 0, " ms"),
      met: spread === undefined ? null : spread.max <= goal,
    });
    return {
      judged: [
        row("SIGKILL of a worker until its sweep runs in another one", 250, other),
        row("the same where one must be started", 1_500, fresh),
        row("SIGKILL of the control process: from its restart until it settles", 3_000, control),
      ],
      noisy: isNoisy(data),
      right: true,
      data,
    };
  },
};

const fleet: BudgetRow = {
  name: "fleet",
  what: "how soon the fleet follows the load",
  async run(context) {
    const data = await benchFleet(context, Math.max(2, context.pairs));
    fleetLines(data).forEach((line) => context.say(`  ${line}`));
    const row = (what: string, figure: string, share: number, goal: number): Judged => {
      const all = data.figures[figure] ?? [];
      const value = quantile(all, share);
      return {
        what,
        goal: `${share === 0.5 ? "p50" : "p99"} ≤ ${goal / 1000} s`,
        measured: all.length === 0
          ? "not within the phase"
          : `${(value / 1000).toFixed(2)} s (${all.map((ms) => Math.round(ms)).join(", ")})`,
        met: all.length === 0 ? null : value <= goal,
      };
    };
    return {
      judged: [
        row("rate step 10 → 40 until the first new process", "stepToSpawnMs", 0.5, 1_200),
        row("1 → 4 decided until all are ready", "decisionToReadyMs", 0.99, 2_000),
        row("lag under 1 s of input after the step", "lagBackMs", 0.99, 8_000),
        row("first record at 0 workers until it is folded", "wakeMs", 0.99, 1_000),
      ],
      noisy: isNoisy(data),
      right: data.ok,
      data,
    };
  },
};

/** All rows, in the order in which they are measured. */
export const ROWS: readonly BudgetRow[] = [
  backlog,
  partitions64,
  long,
  keys,
  windows,
  closing("live-4", 4, 1_000, true),
  closing("live-64", 64, 1_000, false),
  calm("calm-4", 4, true),
  calm("calm-64", 64, false),
  idle,
  fold,
  crash,
  fleet,
];
