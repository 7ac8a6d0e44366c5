/**
 * The load test's report: lines for people, and a page of charts.
 *
 * @module
 */

import { columns } from "../../cli/output.ts";
import type { FleetDecision } from "../../core/scaling/state.ts";
import { type ChartPoint, svgPicture, textChart } from "../simulator/charts.ts";
import type { Comparison } from "./check.ts";
import { type Cost, type DelaySummary, INSTANCE, type Reaction } from "./measures.ts";
import { percent, seconds, type TableRow, type Verdict, type ZeroOutcome } from "./judge.ts";
import { PAPER_WORKER_RATE, type PhaseName } from "./plan.ts";
import { lagOf, type PhaseSpan, processesOf, type TimelinePoint } from "./record.ts";

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
  /** How many sweeps they answered. */
  readonly sweeps: number;
  /** How many records these had. */
  readonly records: number;
  /** Records per second in which a worker was busy. */
  readonly workerRate: number | null;
  /** From the end of a sweep to the begin of the same worker's next one, in ms: half are shorter. */
  readonly pauseMs: number | null;
}

/** What the load test came to. */
export interface LoadTestReport {
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

/** What the measured speed of a worker means for the test. */
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

/** The report in lines. */
export function reportLines(report: LoadTestReport, account: readonly string[]): string[] {
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
    "control process heard that it is folded; it is durable as soon as its sweep answers",
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

/** The paper's table and ours. */
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

/** Rate, lag and workers over time, as bars. */
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

/** The input rate over time, by the second. */
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

function workLines(work: LoadTestReport["work"]): string[] {
  const rows = Object.entries(work).map(([name, { sweeps, records, workerRate, pauseMs }]) => [
    name,
    `${workerRate === null ? "–" : workerRate.toFixed(1)} records per busy second`,
    `${(records / sweeps).toFixed(1)} a sweep`,
    pauseMs === null ? "" : `p50 ${ms(pauseMs)} between two sweeps`,
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

/** Draws rate, lag, workers and the watermark's delay over time. */
export function loadPicture({ timeline }: Pick<LoadTestReport, "timeline">): string {
  const [first] = timeline;
  const startMs = first?.atMs ?? 0;
  const seconds = Math.max(1, ((timeline.at(-1)?.atMs ?? 0) - startMs) / 1000);
  const over = (figure: (point: TimelinePoint) => number): ChartPoint[] =>
    timeline.map((point) => [(point.atMs - startMs) / 1000, figure(point)] as const);
  return svgPicture({
    title: "Tidegate: load, lag and workers",
    seconds,
    panels: [
      {
        title: "events per second",
        series: [{ name: "input", color: "#1f77b4", kind: "step", points: ratePoints(timeline) }],
      },
      {
        title: "lag, events",
        series: [{ name: "lag", color: "#d62728", kind: "line", points: over(lagOf) }],
      },
      {
        title: "workers",
        series: [
          { name: "processes", color: "#9467bd", kind: "area", points: over(processesOf) },
          { name: "wanted", color: "#ff7f0e", kind: "step", points: over((p) => p.desired) },
          { name: "ready", color: "#2ca02c", kind: "step", points: over((p) => p.ready) },
        ],
      },
      {
        title: "watermark behind the clock, s",
        series: [{
          name: "watermark",
          color: "#8c564b",
          kind: "line",
          points: timeline.flatMap(({ atMs, watermarkDelayMs }) =>
            watermarkDelayMs === null
              ? []
              : [[(atMs - startMs) / 1000, watermarkDelayMs / 1000] as const]
          ),
        }],
      },
    ],
  });
}

/** Makes the page. */
export function loadTestPage(report: LoadTestReport, lines: readonly string[]): string {
  return [
    "<!doctype html>",
    '<html lang="en"><head><meta charset="utf-8"><title>Tidegate spike</title></head>',
    '<body style="margin: 2rem; font-family: sans-serif">',
    loadPicture(report),
    `<pre>${escaped(lines.join("\n"))}</pre>`,
    "</body></html>",
    "",
  ].join("\n");
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
