/**
 * The plan of a pipeline: the part of a definition that is plain data. Workflows are started with
 * it, result rows are shaped by it, and its fingerprint tells one definition from another.
 *
 * @module
 */

import type { AggregateSpec } from "./fold/aggregates.ts";
import { formatDuration } from "./event_time/instants.ts";
import type { Windowing } from "./event_time/windows.ts";

/** Where a generation begins to read. */
export type StartPosition = "earliest" | "latest" | number;

/** The plain data of a pipeline definition; times in ms. */
export interface Plan {
  /** The pipeline's name, a prefix of its workflow ids, task queues and topics. */
  readonly pipeline: string;
  /** The source topic. */
  readonly topic: string;
  /** Where result rows go (compacted). */
  readonly resultsTopic: string;
  /** Where late records go. */
  readonly lateTopic: string;
  /** Where invalid and skewed records go. */
  readonly invalidTopic: string;
  /** Where the first generation begins; a number is an epoch time in ms. */
  readonly from: StartPosition;
  /** Size, slide and offset of the windows. */
  readonly windowing: Windowing;
  /** How far the watermark stays behind the largest event time seen. */
  readonly delayMs: number;
  /** How long a caught-up partition may be still before it leaves the minimum. */
  readonly idleAfterMs: number;
  /** How far an event time may lie ahead of the record's Kafka timestamp. */
  readonly maxAheadMs: number;
  /** How far a partition in a backlog may run ahead of the watermark. */
  readonly maxDriftMs: number;
  /** How long a window stays open for late changes after its first emission. */
  readonly latenessMs: number;
  /** How many workflows share the keys of one window; fixed per generation. */
  readonly shards: number;
  /** The event's fields that make the key, in this order. */
  readonly groupBy: readonly string[];
  /** What is computed per window and key, in the order of the definition. */
  readonly aggregates: readonly AggregateSpec[];
  /** The event field that holds the event time. */
  readonly eventTimeField: string;
  /** A stable text of the event schema. */
  readonly schema: string;
  /** The source text of the filter, empty if there is none. */
  readonly where: string;
  /**
   * The source text of the enrichment, where there is one.
   * @default {undefined}
   */
  readonly enrich?: string;
  /**
   * A stable text of the schema of the fields that it adds, where there is an enrichment.
   * @default {undefined}
   */
  readonly adds?: string;
}

/**
 * What workflows carry of a plan: all but the texts that only the fingerprint needs, which would
 * travel with every start of a window.
 */
export type RunPlan = Omit<Plan, "schema" | "where" | "enrich" | "adds">;

/** The part of a plan that workflows carry. */
export function runPlanOf(plan: Plan): RunPlan {
  const { schema: _schema, where: _where, enrich: _enrich, adds: _adds, ...rest } = plan;
  return rest;
}

/**
 * How many windows and shares of windows may be open at a time: those that lie between the slowest
 * partition's watermark and the event time of one that is ahead of it by `maxDrift`.
 */
export function openWindowsAtMost(
  { windowing, delayMs, latenessMs, maxDriftMs, shards }: RunPlan,
): number {
  const spanMs = windowing.sizeMs + delayMs + latenessMs + maxDriftMs;
  return Math.ceil(spanMs / windowing.slideMs) * shards;
}

/** The settings of a plan that decide what its state means; a change needs a new generation. */
const STATE_BEARING = [
  "topic",
  "windowing",
  "delayMs",
  "maxAheadMs",
  "latenessMs",
  "shards",
  "groupBy",
  "aggregates",
  "eventTimeField",
  "schema",
  "where",
  "enrich",
  "adds",
] as const satisfies readonly (keyof Plan)[];

/** Those of them that are texts of code, which may change and mean the same. */
const CODE_TEXTS: readonly string[] = ["schema", "where", "enrich", "adds"];

/** What a definition's state depends on: setting name to its canonical text. */
export type Fingerprint = Readonly<Record<string, string>>;

/**
 * The fingerprint of a plan. Two plans with equal fingerprints can share state.
 *
 * @returns The canonical text of every state-bearing setting that there is.
 */
export function fingerprintOf(plan: Plan): Fingerprint {
  // What a plan may do without is left out: pipelines from before it was known keep their fingerprint.
  return Object.fromEntries(
    STATE_BEARING.filter((name) => plan[name] !== undefined)
      .map((name) => [name, JSON.stringify(plan[name])]),
  );
}

/** The part of a fingerprint that is no text of code: numbers, names, aggregates. */
export function withoutCode(fingerprint: Fingerprint): Fingerprint {
  return Object.fromEntries(
    Object.entries(fingerprint).filter(([name]) => !CODE_TEXTS.includes(name)),
  );
}

/**
 * What differs between two fingerprints, in the words of a definition.
 *
 * @returns One line per differing setting, empty if they are equal.
 */
export function fingerprintDifferences(before: Fingerprint, after: Fingerprint): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].sort()
    .filter((name) => before[name] !== after[name])
    .map((name) => {
      const [was, is] = [wordsOf(name, before[name]), wordsOf(name, after[name])];
      const from = differsAt(was, is);
      return `${LABELS[name] ?? name}: was ${excerpt(was, from)}, is ${excerpt(is, from)}`;
    });
}

/** What a setting of the plan is called in a definition. */
const LABELS: Readonly<Record<string, string>> = {
  topic: "source.topic",
  windowing: "window",
  delayMs: "watermark.delay",
  maxAheadMs: "watermark.maxAhead",
  latenessMs: "lateness",
  eventTimeField: "eventTime",
  schema: "event",
  adds: "enrichment.adds",
};

/** More of a long text would hide what differs. */
const EXCERPT = 80;

function wordsOf(name: string, text: string | undefined): string {
  if (text === undefined) return "not set";
  if (!STATE_BEARING.some((known) => known === name)) return text;
  const value: unknown = JSON.parse(text);
  if (typeof value === "number" && name.endsWith("Ms")) return formatDuration(value);
  if (typeof value === "string") return value === "" ? "not set" : value;
  if (name !== "windowing" || !isWindowing(value)) return text;
  const { sizeMs, slideMs, offsetMs } = value;
  const [size, slide] = [formatDuration(sizeMs), formatDuration(slideMs)];
  const kind = sizeMs === slideMs ? `tumbling ${size}` : `hopping ${size} every ${slide}`;
  return offsetMs === 0 ? kind : `${kind}, shifted by ${formatDuration(offsetMs)}`;
}

function isWindowing(value: unknown): value is Windowing {
  return typeof value === "object" && value !== null && "sizeMs" in value && "slideMs" in value &&
    "offsetMs" in value;
}

function differsAt(a: string, b: string): number {
  let i = 0;
  while (i < a.length && a[i] === b[i]) i++;
  return i;
}

/** A long text from a little before the place where it differs. */
function excerpt(text: string, from: number): string {
  if (text.length <= EXCERPT) return text;
  const start = Math.max(0, from - EXCERPT / 4);
  const part = text.slice(start, start + EXCERPT);
  return `${start > 0 ? "…" : ""}${part}${start + EXCERPT < text.length ? "…" : ""}`;
}
