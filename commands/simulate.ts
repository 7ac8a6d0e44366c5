/**
 * `deno task simulate`: the scaling policy and others on a modelled load.
 *
 * @module
 */

import { basename, dirname } from "node:path";
import { TidegateError } from "../core/errors.ts";
import {
  chartLines,
  compare,
  type Comparison,
  comparisonPicture,
  comparisonRows,
  LEGEND,
} from "../lab/simulator/report.ts";
import {
  isTraceName,
  makeTrace,
  parseTrace,
  type Trace,
  TRACE_NAMES,
} from "../lab/simulator/trace.ts";
import { columns, print } from "../cli/output.ts";
import type { Args } from "./specs.ts";

/** Where pictures go unless `--out` says otherwise. */
const REPORTS = ".tidegate/reports";

/** What the command does. */
export async function action({ flags }: Args<"simulate">): Promise<number> {
  const traceOf = await tracesOf(flags.trace);
  const options = {
    workerRate: flags["worker-rate"],
    partitions: flags.partitions,
    startupMs: flags.startup,
    rateNoise: flags.noise,
    arrivals: flags.poisson ? "poisson" : "paced",
  } as const;
  const seeds = Array.from({ length: flags.seeds }, (_, i) => i + 1);
  const lines = compare(traceOf, seeds, options);
  const name = traceOf(1).name;
  const title =
    `${name}: ${options.workerRate} events/s a worker, ${flags.partitions} partitions, ` +
    `medians of ${flags.seeds} seeds`;
  const out = flags.out ?? `${REPORTS}/simulate-${basename(name).replace(/\.\w+$/, "")}.svg`;
  await writeText(out, comparisonPicture(`${title} (picture: seed 1)`, lines));
  if (flags.json) {
    print(JSON.stringify({
      trace: name,
      seeds: flags.seeds,
      ...options,
      picture: out,
      scalers: lines.map(reportOf),
    }));
    return 0;
  }
  chartLines(lines).forEach(print);
  print(`\n${title}\n`);
  columns(comparisonRows(lines), { rightFrom: 1 }).forEach(print);
  print(`\n${LEGEND.join("\n")}\npicture: ${out}`);
  return 0;
}

function reportOf({ scaler, median, worst, saved }: Comparison) {
  return { scaler, saved, median, worst };
}

/** The load of each seed; a file's is the same for all. */
async function tracesOf(text: string): Promise<(seed: number) => Trace> {
  if (isTraceName(text)) return (seed) => makeTrace(text, seed);
  const trace = parseTrace(text, await readText(text));
  return () => trace;
}

async function readText(file: string): Promise<string> {
  try {
    return await Deno.readTextFile(file);
  } catch (cause) {
    throw new TidegateError("TG_INPUT", `Cannot read the trace: no file ${file}`, {
      cause,
      next: `Name a file, or one of ${TRACE_NAMES.join(", ")}.`,
    });
  }
}

async function writeText(file: string, text: string): Promise<void> {
  try {
    await Deno.mkdir(dirname(file), { recursive: true });
    await Deno.writeTextFile(file, text);
  } catch (cause) {
    throw new TidegateError("TG_INPUT", `Cannot write the picture to ${file}`, {
      cause,
      next: "Name another file with --out.",
    });
  }
}
