/**
 * The benchmark of the fleet's reaction: short load tests, one after the other.
 *
 * @module
 */

import { lagOf, type TimelinePoint, within } from "../load_test/record.ts";
import type { Audit } from "../../core/flow/audit.ts";
import type { LoadTestReport } from "../load_test/report.ts";
import { quantile } from "../machine.ts";
import type { BenchContext } from "./context.ts";
import type { Quiet } from "./processes.ts";

/** A short load test: steady, four producers, and to 0 and back. */
const SPIKE = [
  "--baseline=20",
  "--spike=40",
  "--cooldown=1",
  "--zero",
  "--idle-to-zero=8s",
  "--json",
];

/** What the figures are, for people. */
export const FLEET_FIGURES: Readonly<Record<string, string>> = {
  stepToSpawnMs: "rate step → first process",
  seenToSpawnMs: "pressure seen → first process",
  decisionToReadyMs: "decision → all ready",
  lagBackMs: "rate step → lag under 1 s of input",
  wakeMs: "first record at 0 workers → folded",
};

/** Events per second of one producer. */
const RATE = 10;

/** What the benchmark measured. */
export interface FleetBench {
  /** How the machine was before. */
  readonly quiet: Quiet;
  /** How many load tests there were. */
  readonly runs: number;
  /** Whether every account held, and every row was what the topic came to. */
  readonly ok: boolean;
  /** By figure: what each run measured, in ms; a run has two wakes. */
  readonly figures: Readonly<Record<string, readonly number[]>>;
}

/** The report as `--json` prints it. */
type Printed = LoadTestReport & { readonly audit: Pick<Audit, "ok"> };

/** Measures how soon the fleet reacts, in so many runs. */
export async function benchFleet(context: BenchContext, runs: number): Promise<FleetBench> {
  const quiet = await context.quiet();
  const { kafka, temporal, folder } = context;
  const env = {
    KAFKA_BROKERS: kafka.brokers.join(","),
    TEMPORAL_ADDRESS: temporal.address,
    TIDEGATE_DATA_DIR: folder,
  };
  const reports: Printed[] = [];
  for (let run = 1; run <= runs; run++) {
    const report = await spike(env);
    reports.push(report);
    const { stepToSpawnMs, decisionToReadyMs, wakeMs } = report.reaction;
    const shown = [stepToSpawnMs, decisionToReadyMs, lagBackMs(report), wakeMs];
    context.say(`  run ${run}: ${shown.join(", ")} ms`);
  }
  const all = (pick: (report: Printed) => readonly (number | null | undefined)[]) =>
    reports.flatMap(pick).filter((value) => typeof value === "number");
  return {
    quiet,
    runs,
    ok: reports.every(({ audit, recomputed }) => audit.ok && recomputed?.ok === true),
    figures: {
      stepToSpawnMs: all(({ reaction }) => [reaction.stepToSpawnMs]),
      seenToSpawnMs: all(({ reaction }) => [reaction.seenToSpawnMs]),
      decisionToReadyMs: all(({ reaction }) => [reaction.decisionToReadyMs]),
      lagBackMs: all((report) => [lagBackMs(report)]),
      wakeMs: all(({ reaction, zero }) => [reaction.wakeMs, zero?.wakeMs]),
    },
  };
}

/** The figures in lines. */
export function fleetLines({ figures }: FleetBench): string[] {
  return Object.entries(figures).map(([name, all]) => {
    const ms = (share: number) => Math.round(quantile(all, share));
    return `${FLEET_FIGURES[name] ?? name}: p50 ${ms(0.5)}, p99 ${ms(0.99)} ms ` +
      `(${ms(0)} to ${ms(1)}, ${all.length})`;
  });
}

/**
 * From the step until the lag, once it has grown, is back under what a second brings; null if it is
 * not within the phase. What is durable is up to a second behind, so that it goes up and down after.
 */
function lagBackMs({ phases, timeline }: Printed): number | null {
  const step = phases.find(({ name }) => name === "spike");
  if (step === undefined) return null;
  const points = within(timeline, step);
  const isHigh = (point: TimelinePoint) => lagOf(point) >= RATE * step.producers;
  const first = points.findIndex(isHigh);
  if (first < 0) return 0;
  const back = points.slice(first).find((point) => !isHigh(point));
  return back === undefined ? null : back.atMs - step.fromMs;
}

/** In a process of its own: each begins with nothing. */
async function spike(env: Record<string, string>): Promise<Printed> {
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--allow-net",
      "--allow-env",
      "--allow-sys",
      "--allow-read",
      "--allow-write",
      "--allow-run",
      "--allow-ffi",
      new URL("../../cli/main.ts", import.meta.url).href,
      "spike",
      ...SPIKE,
    ],
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = new TextDecoder();
  const out = text.decode(stdout);
  if (out === "") throw new Error(`The load test failed: ${text.decode(stderr)}`);
  // Printed by this version's own command, so it is of this shape.
  return JSON.parse(out) as Printed;
}
