/**
 * Records what happens in a load test: what was sent and folded, the workers, and the decisions; and
 * what can be read off such a record.
 *
 * @module
 */

import type { PipelineObserver } from "../../activities/observer.ts";
import type { LogWriter } from "../../adapters/kafka/log.ts";
import type { Fleet } from "../../adapters/launchers/launcher.ts";
import type { ResultRow } from "../../core/flow/row.ts";
import { lagOf as lagOfOffsets } from "../../core/scaling/load.ts";
import { countSlots } from "../../core/scaling/slots.ts";
import type { HeardNote, SweepNote } from "../../core/scaling/speed.ts";
import type { FleetDecision } from "../../core/scaling/state.ts";
import type { LoadModel } from "../../processes/control/load.ts";
import type { GenerationView } from "../../workflows/messages.ts";
import type { FoldedMark } from "./measures.ts";
import type { PhaseName } from "./plan.ts";

/** How things stood at a moment; they stand so until the next one. */
export interface TimelinePoint {
  /** When, epoch ms. */
  readonly atMs: number;
  /** Records that the broker has acknowledged. */
  readonly sent: number;
  /** Records that are folded, as workers say of the sweeps they are at. */
  readonly folded: number;
  /** Workers that are wanted. */
  readonly desired: number;
  /** Workers that are starting. */
  readonly starting: number;
  /** Workers that fold. */
  readonly ready: number;
  /** Workers that are ending. */
  readonly draining: number;
  /** How far the watermark is behind the wall clock, in ms; null before the first. */
  readonly watermarkDelayMs: number | null;
}

/** When a phase was. */
export interface PhaseSpan {
  /** Its name. */
  readonly name: PhaseName;
  /** Its begin, epoch ms. */
  readonly fromMs: number;
  /** Its end, epoch ms. */
  readonly toMs: number;
  /** How many producers there were. */
  readonly producers: number;
}

/** A stretch of time. */
export type Span = Pick<PhaseSpan, "fromMs" | "toMs">;

/** Records that are in the topic and not folded. */
export function lagOf({ sent, folded }: Pick<TimelinePoint, "sent" | "folded">): number {
  return lagOfOffsets({ end: sent, cursor: folded }) ?? 0;
}

/** All worker processes there are. */
export function processesOf(
  { starting, ready, draining }: Pick<TimelinePoint, "starting" | "ready" | "draining">,
): number {
  return starting + ready + draining;
}

/** The points of a stretch of time; the first one is how things stood when it began. */
export function within(points: readonly TimelinePoint[], { fromMs, toMs }: Span): TimelinePoint[] {
  const before = points.findLast(({ atMs }) => atMs <= fromMs);
  const inside = points.filter(({ atMs }) => atMs > fromMs && atMs < toMs);
  return before === undefined ? inside : [{ ...before, atMs: fromMs }, ...inside];
}

/** Adds a figure up over time. */
export function integral(
  points: readonly TimelinePoint[],
  span: Span,
  figure: (point: TimelinePoint) => number,
): number {
  const inside = within(points, span);
  return inside.reduce((sum, point, i) => {
    const untilMs = inside[i + 1]?.atMs ?? span.toMs;
    return sum + figure(point) * (untilMs - point.atMs) / 1000;
  }, 0);
}

/**
 * The share of a stretch of time in which something held.
 *
 * @returns From 0 to 1; 0 for no time.
 */
export function shareOfTime(
  points: readonly TimelinePoint[],
  span: Span,
  test: (point: TimelinePoint) => boolean,
): number {
  const seconds = (span.toMs - span.fromMs) / 1000;
  return seconds <= 0 ? 0 : integral(points, span, (point) => test(point) ? 1 : 0) / seconds;
}

/**
 * The first moment of a stretch of time at which something holds.
 *
 * @returns The moment, epoch ms; null if there is none.
 */
export function firstTime(
  points: readonly TimelinePoint[],
  span: Span,
  test: (point: TimelinePoint) => boolean,
): number | null {
  return within(points, span).find(test)?.atMs ?? null;
}

/** The values that a figure took, one after the other, without repeats. */
export function stepsOf(
  points: readonly TimelinePoint[],
  figure: (point: TimelinePoint) => number,
): number[] {
  return points.map(figure).filter((value, i, all) => value !== all[i - 1]);
}

/** How often it looks at the workers, in ms. */
const LOOK_MS = 50;
/** A point is kept at least this often, in ms. */
const POINT_MS = 250;
/** The rate that is shown is that of this time, in ms. */
const RATE_MS = 3_000;

/** Rows of the window that closed last. */
export interface ClosedWindow {
  /** Its start, ISO. */
  readonly start: string;
  /** Its end, ISO. */
  readonly end: string;
  /** Its rows. */
  readonly rows: readonly ResultRow[];
}

/** Records a load test; observes the pipeline for it. */
export class Recorder implements PipelineObserver {
  /** What was recorded, earliest first. */
  readonly points: TimelinePoint[] = [];
  /** How far each partition was folded when. */
  readonly marks: FoldedMark[] = [];
  /** All decisions, earliest first. */
  readonly decisions: FleetDecision[] = [];
  /** The sweeps that have answered. */
  readonly notes: HeardNote[] = [];
  /** The window that closed last; null before the first. */
  closed: ClosedWindow | null = null;
  readonly #cursors = new Map<number, number>();
  readonly #topic: string;
  #fleet: Fleet | undefined;
  #load: Pick<LoadModel, "pages"> | undefined;
  #sent = 0;
  #watermark: number | null = null;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** Begins with nothing known. */
  constructor(topic: string) {
    this.#topic = topic;
  }

  /** Records that the broker has acknowledged. */
  get sent(): number {
    return this.#sent;
  }

  /** Records that are folded, as workers say of the sweeps they are at. */
  get folded(): number {
    return [...this.#cursors.values()].reduce((sum, cursor) => sum + cursor, 0);
  }

  /** The processes there are. */
  get processes(): number {
    return (this.#fleet?.slots ?? []).filter(({ pid }) => pid !== null).length;
  }

  /** Records per second over the last seconds. */
  get rate(): number {
    const last = this.points.at(-1);
    if (last === undefined) return 0;
    const first = this.points.findLast(({ atMs }) => atMs <= last.atMs - RATE_MS) ?? this.points[0];
    if (first === undefined || first.atMs === last.atMs) return 0;
    return (last.sent - first.sent) * 1000 / (last.atMs - first.atMs);
  }

  /** The last change of the number of workers; undefined before the first. */
  get lastChange(): FleetDecision | undefined {
    return this.decisions.findLast(({ desired, previous }) => desired !== previous);
  }

  /** Counts what is sent to the source topic. */
  counting(writer: LogWriter): LogWriter {
    return {
      send: async (topic, records) => {
        await writer.send(topic, records);
        if (topic === this.#topic) this.#sent += records.length;
      },
      close: () => writer.close(),
    };
  }

  /** Begins to record. */
  start({ fleet, load }: { readonly fleet: Fleet; readonly load: Pick<LoadModel, "pages"> }): void {
    this.#fleet = fleet;
    this.#load = load;
    this.#timer = setInterval(() => this.look(), LOOK_MS);
    this.look();
  }

  /** Ends the recording. */
  stop(): void {
    clearInterval(this.#timer);
  }

  /** Takes a point if something about the workers has changed, or the last one is old. */
  look(): void {
    for (const { partition, cursor } of this.#load?.pages ?? []) this.#mark(partition, cursor);
    const point = this.now();
    const last = this.points.at(-1);
    const same = last !== undefined && last.desired === point.desired &&
      last.starting === point.starting && last.ready === point.ready &&
      last.draining === point.draining;
    if (!same || point.atMs - last.atMs >= POINT_MS) this.points.push(point);
  }

  /** How things stand. */
  now(): TimelinePoint {
    const atMs = Math.max(Date.now(), this.points.at(-1)?.atMs ?? 0);
    const { starting, ready, draining } = countSlots(this.#fleet?.slots ?? []);
    return {
      atMs,
      sent: this.#sent,
      folded: this.folded,
      desired: this.#fleet?.desired ?? 0,
      starting,
      ready,
      draining,
      watermarkDelayMs: this.#watermark === null ? null : atMs - this.#watermark,
    };
  }

  /** The number of workers was decided. */
  decided(decision: FleetDecision): void {
    this.decisions.push(decision);
  }

  /** A sweep has answered. */
  swept(note: SweepNote): void {
    this.notes.push({ ...note, atMs: Date.now() });
  }

  /** The drain has decided. */
  drained({ watermark }: Pick<GenerationView, "watermark">): void {
    if (watermark !== null) this.#watermark = Math.max(this.#watermark ?? watermark, watermark);
  }

  /** Rows were written. */
  emitted({ rows }: { readonly rows: readonly ResultRow[] }): void {
    const [row] = rows;
    if (row === undefined) return;
    const { start, end } = row.window;
    const before = this.closed?.start === start ? this.closed.rows : [];
    this.closed = { start, end, rows: [...before, ...rows] };
  }

  #mark(partition: number, before: number | null): void {
    if (before === null || before <= (this.#cursors.get(partition) ?? 0)) return;
    this.#cursors.set(partition, before);
    this.marks.push({ partition, before, atMs: Date.now() });
  }
}
