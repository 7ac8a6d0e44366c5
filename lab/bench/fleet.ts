/**
 * The benchmark of the fleet's reaction: short load tests, one after the other.
 *
 * @module
 */

import type { LoadTestReport } from "../load_test/report.ts";
import { say } from "../../cli/output.ts";

/** A short load test: steady, four producers, and to 0 and back. */
const SPIKE = [
  "--baseline=20",
  "--spike=20",
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
  wakeMs: "first record at 0 workers → folded",
};

/** What the benchmark measured. */
export interface FleetBench {
  /** How many load tests there were. */
  readonly runs: number;
  /** Whether every account held, and every row was what the topic came to. */
  readonly ok: boolean;
  /** By figure: what each run measured, in ms; a run has two wakes. */
  readonly figures: Readonly<Record<string, readonly number[]>>;
}

/** The report as `--json` prints it. */
type Printed = LoadTestReport & { readonly account: { readonly ok: boolean } };

/** Measures how soon the fleet reacts. */
export async function benchFleet(
  settings: Readonly<Record<string, string>>,
  runs: number,
): Promise<FleetBench> {
  const { pipeline: _, ...others } = settings;
  const given = Object.entries(others).map(([name, value]) => `--${name}=${value}`);
  // What comes last counts: the time to 0 is the benchmark's own.
  const args = [...given, ...SPIKE];
  const reports: Printed[] = [];
  for (let run = 1; run <= runs; run++) {
    say(`bench: load test ${run} of ${runs}`);
    reports.push(await spike(args));
  }
  const all = (pick: (report: Printed) => readonly (number | null | undefined)[]) =>
    reports.flatMap(pick).filter((value) => typeof value === "number");
  return {
    runs,
    ok: reports.every(({ account, recomputed }) => account.ok && recomputed?.ok === true),
    figures: {
      stepToSpawnMs: all(({ reaction }) => [reaction.stepToSpawnMs]),
      seenToSpawnMs: all(({ reaction }) => [reaction.seenToSpawnMs]),
      decisionToReadyMs: all(({ reaction }) => [reaction.decisionToReadyMs]),
      wakeMs: all(({ reaction, zero }) => [reaction.wakeMs, zero?.wakeMs]),
    },
  };
}

/** In a process of its own: each begins with nothing. */
async function spike(args: readonly string[]): Promise<Printed> {
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
      ...args,
    ],
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
