/**
 * `deno task simulate`: the scaling policy and others on a modelled load.
 *
 * @module
 */

import { basename, dirname } from "node:path";
import { TidegateError } from "../core/errors.ts";
import { compare, type Comparison } from "../lab/simulator/compare.ts";
import { chartLines, comparisonPicture, LEGEND, tableLines } from "../lab/simulator/report.ts";
import { isTraceName, makeTrace, type Trace, TRACE_NAMES } from "../lab/simulator/trace.ts";
import { parseTrace } from "../lab/simulator/trace_file.ts";
import { command } from "../cli/command.ts";

/** Where pictures go unless `--out` says otherwise. */
const REPORTS = ".tidegate/reports";

/** The command. */
export default command({
  name: "simulate",
  summary: "Runs the scaling policy and models of others on a modelled load: a table of medians " +
    "over seeds, and a picture",
  flags: {
    trace: {
      type: "string",
      default: "doc",
      placeholder: `${TRACE_NAMES.join("|")}|FILE`,
      description: "The load; a file has lines `seconds,rate` or " +
        '`{"seconds":0,"rate":10}`: the rate holds from then on, the last line ends it',
    },
    seeds: {
      type: "number",
      integer: true,
      min: 1,
      max: 1000,
      default: 30,
      description: "How many runs",
    },
    mu: {
      type: "number",
      min: 0.001,
      default: 12,
      description: "Events that a worker folds per second",
    },
    partitions: {
      type: "number",
      integer: true,
      min: 1,
      max: 1024,
      default: 4,
      description: "Partitions of the topic",
    },
    startup: {
      type: "duration",
      default: "500ms",
      description: "From a worker's spawn until it is ready",
    },
    noise: {
      type: "percent",
      default: "15%",
      description: "By how much the rate of each second is off at most",
    },
    poisson: { type: "boolean", description: "Events arrive at random instead of evenly" },
    out: { type: "string", placeholder: "FILE.svg", description: "Where the picture goes" },
    json: { type: "boolean", description: "Print the report as JSON" },
  },
}, async ({ flags }) => {
  const traceOf = await tracesOf(flags.trace);
  const options = {
    mu: flags.mu,
    partitions: flags.partitions,
    startupMs: flags.startup,
    rateNoise: flags.noise,
    arrivals: flags.poisson ? "poisson" : "paced",
  } as const;
  const seeds = Array.from({ length: flags.seeds }, (_, i) => i + 1);
  const lines = compare(traceOf, seeds, options);
  const name = traceOf(1).name;
  const title = `${name}: ${flags.mu} events/s a worker, ${flags.partitions} partitions, ` +
    `medians of ${flags.seeds} seeds`;
  const out = flags.out ?? `${REPORTS}/simulate-${basename(name).replace(/\.\w+$/, "")}.svg`;
  await writeText(out, comparisonPicture(`${title} (picture: seed 1)`, lines));
  if (flags.json) {
    console.log(JSON.stringify({
      trace: name,
      seeds: flags.seeds,
      ...options,
      picture: out,
      scalers: lines.map(reportOf),
    }));
    return 0;
  }
  for (const line of chartLines(lines)) console.log(line);
  console.log(`\n${title}\n`);
  for (const line of tableLines(lines)) console.log(line);
  console.log(`\n${LEGEND.join("\n")}\npicture: ${out}`);
  return 0;
});

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
