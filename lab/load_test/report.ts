/**
 * The load test's report in lines for people.
 *
 * @module
 */

import type { FleetDecision } from "../../core/scaling/state.ts";
import { columns } from "../../cli/output.ts";
import { textChart } from "../simulator/chart.ts";
import type { Comparison } from "./compare_rows.ts";
import { type Cost, INSTANCE } from "./cost.ts";
import type { DelaySummary } from "./delays.ts";
import { percent, seconds, type Verdict, type ZeroOutcome } from "./judge.ts";
import { PAPER_WORKER_RATE, type PhaseName } from "./phases.ts";
import type { Reaction } from "./reaction.ts";
import type { TableRow } from "./table.ts";
import { lagOf, type PhaseSpan, type TimelinePoint } from "./timeline.ts";

/** What the load test was asked to do. */
export interface ReportOptions {
  /** Events per second of one producer. */
  readonly rate: number;
  /** How long an event's lookup takes, in ms; 0 for a pipeline without one. */
  readonly enrichMs: number;
  /** The field that chooses a record's partition. */
  readonly keyedBy: string;
  /** How many partitions the topic has. */
  readonly partitions: number;
}

/** The time from arrival to fold, of all events and by phase. */
export interface ReportDelays {
  /** All events. */
  readonly all: DelaySummary | null;
  /** By phase of their arrival. */
  readonly phases: Readonly<Partial<Record<PhaseName, DelaySummary>>>;
}

/** What workers did in a phase. */
export interface PhaseWork {
  /** How many slices they folded. */
  readonly slices: number;
  /** How many records these had. */
  readonly records: number;
  /** Records per second in which a worker was busy. */
  readonly workerRate: number | null;
  /** From the end of a slice to the begin of the same worker's next one, in ms: half are shorter. */
  readonly pauseMs: number | null;
}

/** What the load test came to. */
export interface SpikeReport {
  /** Whether all held that was judged. */
  readonly ok: boolean;
  /** What it was asked to do. */
  readonly options: ReportOptions;
  /** Events per second that one worker folds, as measured in the warm-up; null if it was not. */
  readonly workerRate: number | null;
  /** What workers did, by phase. */
  readonly work: Readonly<Partial<Record<PhaseName, PhaseWork>>>;
  /** The paper's table with ours beside it. */
  readonly table: readonly TableRow[];
  /** The phases' verdicts. */
  readonly verdicts: readonly Verdict[];
  /** Whether the verdicts count: not where the keys are few, and not without lookups. */
  readonly judged: boolean;
  /** The numbers of workers that were wanted, one after the other. */
  readonly fleet: readonly number[];
  /** The decisions that changed the number of workers, earliest first. */
  readonly decisions: readonly FleetDecision[];
  /** What the supervisor said of partitions that take more than one worker folds. */
  readonly hot: readonly string[];
  /** How soon the fleet reacted. */
  readonly reaction: Reaction;
  /** The way to 0 and back; null if it was not gone. */
  readonly zero: ZeroOutcome | null;
  /** How long events took. */
  readonly delays: ReportDelays;
  /** The recomputation of the closed windows; null if there were too many events. */
  readonly recomputed: Comparison | null;
  /** What it cost. */
  readonly cost: Cost;
  /** When the phases were. */
  readonly phases: readonly PhaseSpan[];
  /** What was recorded, earliest first. */
  readonly timeline: readonly TimelinePoint[];
}

/**
 * What the measured speed of a worker means for the test.
 *
 * @param workerRate Events per second that one worker folds; null if it was not measured.
 * @param enrichMs How long an event's lookup takes, in ms.
 * @returns A line or two.
 */
export function workerRateLines(workerRate: number | null, enrichMs: number): string[] {
  if (workerRate === null) return ["PROBLEM a worker's speed could not be measured"];
  if (enrichMs === 0) {
    return [
      `one worker folds ${Math.round(workerRate)} events/s: the paper's 40 would never need four`,
    ];
  }
  const line = `one worker folds ${
    workerRate.toFixed(1)
  } events/s, with a lookup of ${enrichMs} ms each`;
  if (workerRate >= PAPER_WORKER_RATE.from && workerRate <= PAPER_WORKER_RATE.to) return [line];
  return [
    line,
    `NOTE this is outside ${PAPER_WORKER_RATE.from} to ${PAPER_WORKER_RATE.to}, where 10 events/s take one worker ` +
    "and 40 take four: another lookup time, or a busy machine",
  ];
}

/**
 * The report in lines.
 *
 * @param report The report.
 * @param account The account in lines.
 * @returns The lines.
 */
export function reportLines(report: SpikeReport, account: readonly string[]): string[] {
  const { verdicts, judged, hot, recomputed, timeline, phases } = report;
  return [
    ...tableLines(report.table),
    "",
    ...chartLines(timeline, phases),
    "",
    "Scaling decisions",
    ...report.decisions.map(decisionLine),
    ...(hot.length === 0 ? [] : ["", "Hot partitions, as the supervisor said", ...hot.map(indent)]),
    "",
    "Event delay: from the record's timestamp (the broker's clock) to the moment at which the",
    "control process saw its slice durable",
    ...delayLines(report.delays),
    ...workLines(report.work),
    ...reactionLines(report.reaction),
    "",
    ...costLines(report.cost),
    "",
    "Phases",
    ...verdicts.map((verdict) =>
      `  ${verdictWord(verdict, judged)}  ${verdict.phase}: ${verdict.text}`
    ),
    ...(judged ? [] : [`  they don't count: ${whyNotJudged(report.options)}`]),
    "",
    ...account,
    ...recomputedLines(recomputed),
  ];
}

/**
 * The paper's table and ours.
 *
 * @param rows The rows.
 * @returns Lines.
 */
export function tableLines(rows: readonly TableRow[]): string[] {
  const cells = rows.map(({ paper, rate, workers, observation }) => [
    paper.phase,
    paper.rate,
    String(paper.workers),
    paper.observation,
    rate === null ? "–" : `${rate.toFixed(1)} ev/s`,
    workers === null ? "–" : String(workers),
    observation,
  ]);
  const head = ["Table II", "paper", "n", "", "here", "n", ""];
  return columns([head, ...cells]);
}

/**
 * Rate, lag and workers over time, as bars.
 *
 * @param timeline What was recorded.
 * @param phases When the phases were.
 * @returns Lines.
 */
export function chartLines(
  timeline: readonly TimelinePoint[],
  phases: readonly PhaseSpan[],
): string[] {
  const [first] = timeline;
  const last = timeline.at(-1);
  if (first === undefined || last === undefined) return [];
  const at = (ms: number) => (ms - first.atMs) / 1000;
  const shared = { seconds: Math.max(1, at(last.atMs)), height: 3 };
  const chart = (title: string, points: readonly (readonly [number, number])[]) =>
    textChart({ title, points, ...shared });
  const starts = phases.map(({ name, fromMs }) => `${name} from ${Math.round(at(fromMs))} s`);
  return [
    ...chart("Input, events per second", ratePoints(timeline)),
    ...chart("Lag, events", timeline.map((point) => [at(point.atMs), lagOf(point)] as const)),
    ...chart("Workers ready", timeline.map(({ atMs, ready }) => [at(atMs), ready] as const)),
    `(${starts.join(", ")})`,
  ];
}

/**
 * The input rate over time, by the second.
 *
 * @param timeline What was recorded.
 * @returns The events of each second: `[s, events]`.
 */
export function ratePoints(timeline: readonly TimelinePoint[]): (readonly [number, number])[] {
  const [first] = timeline;
  if (first === undefined) return [];
  const sentBy = new Map<number, number>();
  for (const { atMs, sent } of timeline) sentBy.set(Math.floor((atMs - first.atMs) / 1000), sent);
  let before = first.sent;
  const lastSecond = Math.max(...sentBy.keys());
  return Array.from({ length: lastSecond + 1 }, (_, second) => {
    const sent = sentBy.get(second) ?? before;
    const arrived = sent - before;
    before = sent;
    return [second, arrived] as const;
  });
}

/** A decision in a line, with its time of day. */
function decisionLine({ atMs, previous, desired, reason }: FleetDecision): string {
  return `  ${new Date(atMs).toISOString().slice(11, 21)}  ${previous} → ${desired}: ${reason}`;
}

function delayLines({ all, phases }: ReportDelays): string[] {
  const row = (name: string, { events, p50Ms, p99Ms, maxMs }: DelaySummary) => [
    name,
    `${events} events`,
    `p50 ${ms(p50Ms)}`,
    `p99 ${ms(p99Ms)}`,
    `max ${ms(maxMs)}`,
  ];
  if (all === null) return ["  no event was folded"];
  const rows = [...Object.entries(phases), ["all", all] as const];
  return columns(rows.map(([name, summary]) => row(name, summary)), { indent: "  " });
}

function workLines(work: SpikeReport["work"]): string[] {
  const rows = Object.entries(work).map(([name, { slices, records, workerRate, pauseMs }]) => [
    name,
    `${workerRate === null ? "–" : workerRate.toFixed(1)} records per busy second`,
    `${(records / slices).toFixed(1)} a slice`,
    pauseMs === null ? "" : `p50 ${ms(pauseMs)} between two slices`,
  ]);
  return rows.length === 0 ? [] : ["A worker", ...columns(rows, { indent: "  " })];
}

function reactionLines(reaction: Reaction): string[] {
  const { stepToSpawnMs, seenToSpawnMs, decisionToReadyMs, wakeMs } = reaction;
  const figures: [string, number | null][] = [
    ["rate step → first process", stepToSpawnMs],
    ["pressure seen → first process", seenToSpawnMs],
    ["decision → all ready", decisionToReadyMs],
    ["first record at 0 workers → folded", wakeMs],
  ];
  const known = figures.flatMap(([name, value]) => value === null ? [] : [`${name} ${ms(value)}`]);
  return known.length === 0 ? [] : ["Reaction", ...known.map(indent)];
}

function costLines(cost: Cost): string[] {
  const { workerHours, staticHours, missingSeconds, tailSeconds, staticDay, day } = cost;
  return [
    "Cost",
    `  this run: ${workerHours.toFixed(4)} worker-hours; a static fleet of the peak's size: ` +
    `${staticHours.toFixed(4)} (${percent(1 - workerHours / staticHours)} less)`,
    `  the tails of one spike: ${tailSeconds.toFixed(0)} worker-s too many after it` +
    `${cost.tailOver ? "" : " (and more: the cooldown was too short)"}, ` +
    `${missingSeconds.toFixed(0)} missing at its step`,
    `  shares of an ${INSTANCE.name}: ${shareTexts(cost).join(", ")}`,
    `  the paper's day: ${staticDay} instance-hours static; autoscaled`,
    ...day.map(({ name, hours, saved, price }) =>
      `    ${hours.toFixed(2)} h${
        price === null ? "" : `, ${price.toFixed(2)} at the given price`
      }, ` +
      `${(saved * 100).toFixed(1)} % less: ${name}`
    ),
    `    (${cost.formula})`,
  ];
}

function shareTexts({ overhead, shares }: Cost): string[] {
  const text = (name: keyof Cost["overhead"]) => {
    const use = overhead[name];
    const share = shares[name];
    return use === null || share === null
      ? `${name} not measured`
      : `${name} ${percent(share)} (${use.cores.toFixed(2)} cores, ${use.memoryMiB} MiB)`;
  };
  return [text("control"), text("temporal"), text("broker")];
}

function recomputedLines(recomputed: Comparison | null): string[] {
  if (recomputed === null) {
    return ["NOTE the windows were not recomputed: too many events to hold them all in memory"];
  }
  const { windows, rows, differences, ok } = recomputed;
  if (ok) return [`recomputed from the topic: ${rows} rows of ${windows} windows, all equal`];
  return [
    ...differences.slice(0, 10).map((line) => `PROBLEM ${line}`),
    `${differences.length} OF ${rows} ROWS DIFFER FROM WHAT THE TOPIC COMES TO`,
  ];
}

function whyNotJudged({ enrichMs }: ReportOptions): string {
  return enrichMs === 0
    ? "without lookups the machine says how many workers are needed"
    : "the keys bring the load to few partitions";
}

function verdictWord({ passed }: Verdict, judged: boolean): string {
  if (passed) return "passed";
  return judged ? "FAILED" : "not so";
}

function ms(value: number): string {
  return value < 10_000 ? `${Math.round(value)} ms` : seconds(value);
}

function indent(line: string): string {
  return `  ${line}`;
}
