/**
 * Judges the data of a topic as a whole: what share of the records counts nowhere, why, and whether
 * event times are in another unit than milliseconds. One bad record is for the side topics; this is
 * about a producer that is wrong.
 *
 * What a sweep finds is plain data that adds up ({@linkcode addFaults}); what was read last is kept
 * apart ({@linkcode rememberFaults}), so that a hundred bad records show after a million good ones.
 *
 * @module
 */

import { formatInstant, MAX_INSTANT_MS } from "../event_time/instants.ts";

/** What can be wrong with many records: that they count nowhere, or count at the wrong time. */
export type FaultKind = "invalid" | "skewed" | "late" | "unit";

/** A unit that event times are in by mistake. */
export type TimeUnit = "seconds" | "microseconds" | "nanoseconds";

/** One of the records with a fault. */
export interface FaultSample {
  /** The partition. */
  readonly partition: number;
  /** The record's offset. */
  readonly offset: number;
  /** The failing path inside the event; empty where none is at fault. */
  readonly path: string;
  /** What is wrong with it, for people. */
  readonly message: string;
}

/** How many records have one fault. */
export interface DataFault {
  /** What is wrong. */
  readonly kind: FaultKind;
  /** Why: the reason of invalid records, the unit; else the same as the kind. */
  readonly reason: string;
  /** How many records. */
  readonly count: number;
  /** One of them. */
  readonly sample: FaultSample;
}

/** What is wrong with some records; the faults are sorted by kind and reason. */
export interface DataFaults {
  /** How many records were read. */
  readonly read: number;
  /** What is wrong with some of them. */
  readonly faults: readonly DataFault[];
}

/** Nothing read. */
export const NO_FAULTS: DataFaults = { read: 0, faults: [] };

/** Adds faults up; of two samples the second is kept. */
export function addFaults(a: DataFaults, b: DataFaults): DataFaults {
  const counted = new Map(a.faults.map((fault) => [nameOf(fault), fault]));
  for (const fault of b.faults) {
    const before = counted.get(nameOf(fault))?.count ?? 0;
    counted.set(nameOf(fault), { ...fault, count: before + fault.count });
  }
  return { read: a.read + b.read, faults: sorted(counted) };
}

/**
 * What was read last, part by part, with one part more.
 *
 * @param records So many records are remembered at least, if there were as many.
 */
export function rememberFaults(
  recent: readonly DataFaults[],
  next: DataFaults,
  records = 100,
): readonly DataFaults[] {
  if (next.read === 0) return recent;
  let first = recent.length;
  for (let read = next.read; first > 0 && read < records;) read += recent[--first]?.read ?? 0;
  return [...recent.slice(first), next];
}

/** The faults of one partition in a sweep, while it is folded. */
export class FaultCounter {
  readonly #partition: number;
  readonly #faults = new Map<string, { -readonly [K in keyof DataFault]: DataFault[K] }>();

  /** Begins without faults. */
  constructor(partition: number) {
    this.#partition = partition;
  }

  /** Counts a record with a fault; the first one of its kind and reason becomes the sample. */
  add(kind: FaultKind, reason: string, sample: () => Omit<FaultSample, "partition">): void {
    const name = nameOf({ kind, reason });
    const known = this.#faults.get(name);
    if (known !== undefined) {
      known.count += 1;
      return;
    }
    const { offset, path, message } = sample();
    const partition = this.#partition;
    this.#faults.set(name, {
      kind,
      reason,
      count: 1,
      sample: { partition, offset, path, message },
    });
  }

  /** The faults among so many records. */
  among(read: number): DataFaults {
    return { read, faults: sorted(this.#faults).map((fault) => ({ ...fault })) };
  }
}

/** When faults are told. */
export interface JudgeOptions {
  /**
   * From which share of the records on.
   * @default {0.1}
   */
  readonly share?: number;
  /**
   * From how many records on; fewer are told if there are no others.
   * @default {5}
   */
  readonly least?: number;
}

/** What is wrong with the data as a whole. */
export interface DataProblem {
  /** What is wrong. */
  readonly kind: FaultKind;
  /** With how many records. */
  readonly count: number;
  /** How many were read. */
  readonly read: number;
  /** The reasons, the most frequent one first. */
  readonly reasons: readonly DataFault[];
  /** A sentence with the counts and a sample. */
  readonly message: string;
  /** What to do about it. */
  readonly next: string;
}

/** Judges what was read; empty if the data is as it should be. */
export function judgeData(
  { read, faults }: DataFaults,
  { share = 0.1, least = 5 }: JudgeOptions = {},
): readonly DataProblem[] {
  const problems: DataProblem[] = [];
  for (const kind of KINDS) {
    const reasons = faults.filter((fault) => fault.kind === kind)
      .toSorted((a, b) => b.count - a.count);
    const count = reasons.reduce((sum, fault) => sum + fault.count, 0);
    const [main] = reasons;
    if (main === undefined || count < share * read || (count < least && count < read)) continue;
    // Times in another unit are skewed, late or invalid for that reason alone.
    if (problems.some((told) => told.kind === "unit" && told.count >= count)) continue;
    const message = sentence(kind, read, count, reasons);
    problems.push({ kind, count, read, reasons, message, next: NEXT[kind](main) });
  }
  return problems;
}

/**
 * The unit that an event time seems to be in, by the record's timestamp: read as milliseconds it is
 * decades off, in the other unit it is not.
 *
 * @param time The event time as it was given, taken for epoch ms.
 * @param timestampMs The record's timestamp; negative if it has none, and then nothing is known.
 * @returns The unit; null if it is milliseconds, or can't be told.
 */
export function unitOf(time: number, timestampMs: number): TimeUnit | null {
  if (!(timestampMs >= 0 && timestampMs <= MAX_INSTANT_MS)) return null;
  const isNear = (ms: number) => ms > timestampMs - PAST_MS && ms < timestampMs + FUTURE_MS;
  if (isNear(time)) return null;
  if (isNear(time * 1000)) return "seconds";
  if (isNear(time / 1000)) return "microseconds";
  return isNear(time / 1_000_000) ? "nanoseconds" : null;
}

/** Whether an event time lies so far before its record's timestamp that its unit must be looked at. */
export function isDecadesBefore(time: number, timestampMs: number): boolean {
  return time <= timestampMs - PAST_MS;
}

/** Older events are not replayed: January 1970, where seconds lead, is further away. */
const PAST_MS = 50 * 365 * 86_400_000;
/** Clocks and plans are not that far ahead. */
const FUTURE_MS = 365 * 86_400_000;

const KINDS: readonly FaultKind[] = ["unit", "invalid", "skewed", "late"];

const NEXT: Readonly<Record<FaultKind, (main: DataFault) => string>> = {
  invalid: () => "Compare the records with the definition's schema; they are on the invalid topic.",
  skewed: () =>
    "Correct the producer's clock, or raise watermark.maxAhead; they are on the invalid topic.",
  late: () => "Raise watermark.delay or lateness if they are to count; they are on the late topic.",
  unit: ({ reason, sample: { path } }) => {
    const must = "Event times are epoch milliseconds or RFC 3339 text";
    const factor = reason === "seconds" ? "* 1000" : "/ 1000";
    return reason === "nanoseconds"
      ? `${must}; JSON keeps no such integer exactly, so let the producer convert it.`
      : `${must}; in the schema: ${path}: z.number().transform((at) => at ${factor}).`;
  },
};

function sentence(
  kind: FaultKind,
  read: number,
  count: number,
  reasons: readonly DataFault[],
): string {
  const names = reasons.map(({ reason, count }) => `${reason} ${count}`).join(", ");
  const what = kind === "unit"
    ? `have event times that look like ${reasons.map(({ reason }) => reason).join(" or ")}`
    : kind === "invalid"
    ? `are invalid (${names})`
    : `are ${kind}`;
  const { partition, offset, path, message } = reasons[0]?.sample ??
    { partition: 0, offset: 0, path: "", message: "" };
  const at = path === "" || message.startsWith(path) ? "" : `${path}: `;
  return `${count} of ${read} records ${what}, such as partition ${partition}, offset ${offset}: ` +
    `${at}${message}`;
}

/** What is said of an event time that seems to be in another unit. */
export function unitMessage(time: number, timestampMs: number, unit: TimeUnit): string {
  const [read, stamped] = [formatInstant(time), formatInstant(timestampMs)];
  return `${read} is decades from the record's timestamp ${stamped}; it looks like ${unit}`;
}

function nameOf({ kind, reason }: Pick<DataFault, "kind" | "reason">): string {
  return `${kind}/${reason}`;
}

function sorted(faults: ReadonlyMap<string, DataFault>): DataFault[] {
  return [...faults].sort(([a], [b]) => a < b ? -1 : 1).map(([, fault]) => fault);
}
