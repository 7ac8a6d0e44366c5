/**
 * Loads over time: how many events a second arrive, and how they are spread over the partitions.
 *
 * @module
 */

import { TidegateError } from "../../core/errors.ts";
import { Random } from "./topic.ts";

/** A rate that holds from a moment on. */
export interface TraceStep {
  /** Since the beginning, in s. */
  readonly atSeconds: number;
  /** Events per second. */
  readonly rate: number;
}

/** A load over time. */
export interface Trace {
  /** Its name. */
  readonly name: string;
  /** The rates, earliest first; before the first one nothing arrives. */
  readonly steps: readonly TraceStep[];
  /** When it ends, in s. */
  readonly seconds: number;
  /** The share of the events that goes to the first partition; null where all get the same. */
  readonly hotShare: number | null;
}

/** The traces that are made here. */
export const TRACE_NAMES = ["doc", "sine", "walk", "burst", "skew"] as const;

/** The name of a trace that is made here. */
export type TraceName = (typeof TRACE_NAMES)[number];

/** Whether a text is the name of a trace that is made here. */
export function isTraceName(text: string): text is TraceName {
  return TRACE_NAMES.some((name) => name === text);
}

/**
 * Makes a trace.
 *
 * - `doc`: the paper's load test: 10, 40, 10, 0, 10 events/s for 120, 120, 300, 360, 100 s.
 * - `sine`: between 4 and 40 events/s, a wave every 10 minutes, for 30 minutes.
 * - `walk`: a random walk between 2 and 44 events/s, a step every 10 s, for 30 minutes.
 * - `burst`: 8 events/s, with bursts of 36 for 20 to 40 s every 1 to 3 minutes, for 30 minutes.
 * - `skew`: 10, then 30 events/s of which one partition gets 70 %, then 10, for 10 minutes.
 */
export function makeTrace(name: TraceName, seed: number): Trace {
  const random = new Random(seed, 1);
  switch (name) {
    case "doc":
      return lasting(name, [[10, 120], [40, 120], [10, 300], [0, 360], [10, 100]]);
    case "sine":
      return lasting(
        name,
        Array.from({ length: 360 }, (_, i) => [22 - 18 * Math.cos(Math.PI * i / 60), 5]),
      );
    case "walk":
      return lasting(name, walk(random));
    case "burst":
      return lasting(name, bursts(random));
    case "skew":
      return { ...lasting(name, [[10, 120], [30, 300], [10, 180]]), hotShare: 0.7 };
  }
}

/** A trace of one rate. */
export function constantTrace(rate: number, seconds: number): Trace {
  return lasting("constant", [[rate, seconds]]);
}

/** How long each rate holds: `[events/s, s]`. */
type Stretch = readonly [rate: number, seconds: number];

function lasting(name: string, stretches: readonly Stretch[]): Trace {
  let seconds = 0;
  const steps = stretches.map(([rate, length]) => {
    const step = { atSeconds: seconds, rate };
    seconds += length;
    return step;
  });
  return { name, steps, seconds, hotShare: null };
}

function walk(random: Random): Stretch[] {
  let rate = 10;
  return Array.from({ length: 180 }, () => {
    rate = Math.min(44, Math.max(2, rate + 4 * random.normal()));
    return [rate, 10];
  });
}

function bursts(random: Random): Stretch[] {
  const stretches: Stretch[] = [];
  for (let seconds = 0; seconds < 1_800;) {
    const calm = 60 + Math.round(120 * random.next());
    const burst = 20 + Math.round(20 * random.next());
    stretches.push([8, calm], [36, burst]);
    seconds += calm + burst;
  }
  return stretches;
}

const NEXT = 'Write lines such as 120,40 or {"seconds":120,"rate":40}: from second 120 on, ' +
  "40 events/s. The last line ends the trace.";

/**
 * Reads a trace. Each line says from which second on which rate holds; the last one says when the
 * trace ends. Empty lines, lines that begin with `#`, and a CSV heading are passed over.
 *
 * @throws {TidegateError} `TG_INPUT`, with the line.
 */
export function parseTrace(name: string, text: string): Trace {
  const steps: TraceStep[] = [];
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    const trimmed = line.trim();
    if (trimmed === "" || trimmed.startsWith("#")) continue;
    if (steps.length === 0 && /^"?seconds"?\s*,/i.test(trimmed)) continue;
    const problem = (what: string) =>
      new TidegateError(
        "TG_INPUT",
        `Cannot read ${name} line ${i + 1}: ${what}, got "${trimmed}"`,
        {
          next: NEXT,
        },
      );
    const step = stepOf(trimmed);
    if (step === null) throw problem("it must hold seconds and rate, both numbers of 0 or more");
    if (step.atSeconds <= (steps.at(-1)?.atSeconds ?? -1)) {
      throw problem("seconds must be more than those of the line before");
    }
    steps.push(step);
  }
  const last = steps.pop();
  if (last === undefined || steps.length === 0) {
    const message = `Cannot read ${name}: it must hold at least two lines`;
    throw new TidegateError("TG_INPUT", message, { next: NEXT });
  }
  return { name, steps, seconds: last.atSeconds, hotShare: null };
}

function stepOf(line: string): TraceStep | null {
  const [seconds, rate] = line.startsWith("{") ? fieldsOf(line) : columnsOf(line);
  return isAmount(seconds) && isAmount(rate) ? { atSeconds: seconds, rate } : null;
}

function columnsOf(line: string): unknown[] {
  const columns = line.split(",").map((column) => column.trim());
  return columns.length === 2 ? columns.map((text) => text === "" ? null : Number(text)) : [];
}

function fieldsOf(line: string): unknown[] {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== "object" || value === null) return [];
    return ["seconds", "rate"].map((name) => Object.getOwnPropertyDescriptor(value, name)?.value);
  } catch {
    return [];
  }
}

function isAmount(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}
