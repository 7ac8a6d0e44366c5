/**
 * The state of one partition's drain: what it has folded, what it has told the clock, and what it
 * does next. The drain workflow only carries out the steps; the order of them is decided here.
 *
 * @module
 */

import { EARLY_AFTER_MS, type PacePoint, predict, remember } from "./pacing.ts";
import type { Report, ReportAnswer } from "./pipeline_clock.ts";
import {
  addCounts,
  type AwaitAnswer,
  type DeliveryOutcome,
  NO_COUNTS,
  type SliceCounts,
  type SliceResult,
  type WindowPartial,
  type WindowShard,
} from "./slice.ts";
import { boundaryAfter, boundaryAtOrBefore, type Windowing } from "../event_time/windows.ts";

/** How long one look at a still partition lasts at most, in ms. */
const LOOK_MS = 5_000;
/** How long one look lasts once the partition is idle, in ms: fewer entries in the history. */
const IDLE_LOOK_MS = 30_000;
/** More reports than a drain sends in one workflow task. */
const REPORTS_A_TASK = 16;
/** How often a held partition asks for the watermark, in ms. */
export const HOLD_MS = 1_000;

/** Why a partition stopped. */
export interface Stop {
  /** The stable code. */
  readonly code: string;
  /** What happened. */
  readonly message: string;
  /** Since when, epoch ms. */
  readonly sinceMs: number;
}

/** What a drain needs to know of its plan and its run. */
export interface DrainRules {
  /** Size, slide and offset of the windows. */
  readonly windowing: Windowing;
  /** The watermark delay. */
  readonly delayMs: number;
  /** The allowed lateness. */
  readonly latenessMs: number;
  /** How long a caught-up partition may be still. */
  readonly idleAfterMs: number;
  /** How far it may run ahead. */
  readonly maxDriftMs: number;
  /** The pace while caught up. */
  readonly paceMs: number;
}

/** What a drain does next. */
export type DrainStep =
  /** Wait for records. */
  | {
    readonly kind: "await";
    readonly notBeforeMs: number;
    readonly earlyAtMs: readonly number[];
    readonly quietMs: number;
  }
  /** Fold a slice. */
  | { readonly kind: "fold" }
  /** Hand the windows their partials. */
  | { readonly kind: "deliver"; readonly windows: readonly WindowPartial[] }
  /** Fold the slice at hand again for the windows that refused it. */
  | { readonly kind: "refold"; readonly refused: readonly WindowShard[] }
  /** Tell the clock. */
  | { readonly kind: "report"; readonly report: Report }
  /** Too far ahead: wait a moment, then ask again. */
  | { readonly kind: "hold" }
  /** Nothing to do until a message comes: parked, stopped or excluded. */
  | { readonly kind: "wait" };

/** How a partition stands. */
export type DrainMode = "joining" | "active" | "idle" | "parked" | "stopped" | "excluded";

/** A window that had completed without a slice's partial. */
export interface RefusedWindow extends WindowShard {
  /** The (event, window) pairs of the partial. */
  readonly pairs: number;
}

/** The slice between its fold and the end of its delivery. */
export interface InDelivery {
  /** First offset. */
  readonly from: number;
  /** Offset after it. */
  readonly to: number;
  /** The partition's largest event time before it, for folding it again. */
  readonly maxEventTimeBefore: number | null;
  /** What has not been delivered yet. */
  readonly windows: readonly WindowPartial[];
  /** Windows that had completed without it, with the (event, window) pairs it had for them. */
  readonly refused: readonly RefusedWindow[];
  /** Windows that did not complete as they should; given up when somebody decides to go on. */
  readonly lost: readonly WindowPartial[];
}

/** A drain's state as plain data. */
export interface DrainSnapshot {
  /** The partition. */
  readonly partition: number;
  /** How it stands. */
  readonly mode: DrainMode;
  /** Why it stopped; null if it did not. */
  readonly stop: Stop | null;
  /** The next offset to fold. */
  readonly cursor: number;
  /** The end of the log as last seen. */
  readonly end: number;
  /** The fixed end of a bounded run; null while live. */
  readonly until: number | null;
  /** The largest event time. */
  readonly maxEventTime: number | null;
  /** The event time of the first event. */
  readonly firstEventTime: number | null;
  /** The floor of the last join. */
  readonly floor: number | null;
  /** The number of the last report. */
  readonly seq: number;
  /** A report that the clock has not answered yet. */
  readonly pending: Report | null;
  /** What the clock must be told next, after the pending report. */
  readonly owed: "join" | "advance" | "exclude" | null;
  /** Windows that partials were delivered to since the last report that was answered. */
  readonly untold: readonly WindowShard[];
  /** The boundary of the last watermark told. */
  readonly boundaryTold: number | null;
  /** The pipeline's watermark as last heard. */
  readonly watermark: number | null;
  /** What the drift is measured from, as last heard. */
  readonly driftBase: number | null;
  /** For how long the caught-up partition was seen to be still. */
  readonly stillMs: number;
  /** When the last answer led to a slice, wall clock. */
  readonly pacedAtMs: number;
  /** Early answers used up for the boundary ahead. */
  readonly earlyUsed: number;
  /** The boundary those were used for. */
  readonly earlyBoundary: number | null;
  /** Event time over the wall clock, for the prediction. */
  readonly pacePoints: readonly PacePoint[];
  /** The slice in delivery. */
  readonly inDelivery: InDelivery | null;
  /** What all slices counted. */
  readonly totals: SliceCounts;
  /** Offsets skipped by a person's choice. */
  readonly skippedOffsets: number;
  /** (event, window) pairs given up, because their window was lost. */
  readonly lostPairs: number;
  /** Slices folded. */
  readonly slices: number;
  /** Time workers spent on them, in ms. */
  readonly busyMs: number;
}

/**
 * The state a drain begins with.
 *
 * @param partition The partition.
 * @param cursor The first offset to fold.
 * @param until The fixed end of a bounded run; null while live.
 * @returns The state.
 */
export function newDrain(partition: number, cursor: number, until: number | null): DrainSnapshot {
  return {
    partition,
    mode: "joining",
    stop: null,
    cursor,
    end: cursor,
    until,
    maxEventTime: null,
    firstEventTime: null,
    floor: null,
    seq: 0,
    pending: null,
    owed: null,
    untold: [],
    boundaryTold: null,
    watermark: null,
    driftBase: null,
    stillMs: 0,
    pacedAtMs: 0,
    earlyUsed: 0,
    earlyBoundary: null,
    pacePoints: [],
    inDelivery: null,
    totals: NO_COUNTS,
    skippedOffsets: 0,
    lostPairs: 0,
    slices: 0,
    busyMs: 0,
  };
}

/** One partition's drain. Every message changes the state; {@linkcode DrainState.next} reads it. */
export class DrainState {
  readonly #rules: DrainRules;
  #s: DrainSnapshot;

  /**
   * Goes on from a state.
   *
   * @param rules What the drain needs to know of its plan and its run.
   * @param snapshot The state to go on from.
   */
  constructor(rules: DrainRules, snapshot: DrainSnapshot) {
    this.#rules = rules;
    this.#s = snapshot;
  }

  /** The state as plain data. */
  snapshot(): DrainSnapshot {
    return this.#s;
  }

  /** The partition's watermark: largest event time − delay, at least the floor. */
  get partitionWatermark(): number | null {
    return this.#watermarkAt(this.#s.maxEventTime);
  }

  /** (event, window) pairs that are folded, but not delivered yet. */
  get pairsInDelivery(): number {
    const { windows, refused, lost } = this.#s.inDelivery ?? { windows: [], refused: [], lost: [] };
    const folded = [...windows, ...lost].reduce((sum, window) => sum + pairsOf(window), 0);
    return folded + refused.reduce((sum, window) => sum + window.pairs, 0);
  }

  /** Whether nothing is in flight: only then may the workflow continue as new. */
  get betweenCycles(): boolean {
    return this.#s.inDelivery === null && this.#s.pending === null;
  }

  /**
   * What to do next. A slice in delivery comes first, then what the clock must know, then the log:
   * so a report is never sent before its partials are delivered (I3).
   *
   * A report's number is larger than that of any report which may have been sent from the same state
   * before a crash: a message that has come since may have made it another report, and the clock
   * would take it for a repetition. So it grows with the time of the workflow task.
   *
   * @param nowMs The workflow's time: the same in a replay, later in a task that is done again.
   * @returns The step.
   */
  next(nowMs: number): DrainStep {
    const s = this.#s;
    if (s.inDelivery !== null && s.mode !== "stopped") {
      const { windows, refused } = s.inDelivery;
      if (windows.length > 0) return { kind: "deliver", windows };
      return { kind: "refold", refused };
    }
    const due = this.#dueReport();
    if (due !== null) {
      const seq = Math.max(due.seq, nowMs * REPORTS_A_TASK);
      const report = due === s.pending ? due : { ...due, seq };
      this.#s = {
        ...s,
        pending: report,
        seq: report.seq,
        owed: s.pending === null ? null : s.owed,
      };
      return { kind: "report", report };
    }
    if (s.mode === "stopped" || s.mode === "excluded" || s.mode === "parked") {
      return { kind: "wait" };
    }
    if (s.cursor < (s.until ?? s.end)) return { kind: this.#held() ? "hold" : "fold" };
    return s.until === null ? this.#awaitStep(nowMs) : { kind: "wait" };
  }

  /** Takes in what the look at the log found. */
  onAwait(answer: AwaitAnswer, nowMs: number): void {
    const s = this.#s;
    const stillMs = stillBefore(s, answer.attempt) + answer.lookedMs;
    if (answer.kind === "quiet") {
      this.#s = { ...s, stillMs };
      return;
    }
    const boundary = this.#nextBoundary();
    this.#s = {
      ...s,
      end: Math.max(answer.end, s.cursor),
      stillMs,
      pacedAtMs: answer.early ? s.pacedAtMs : nowMs,
      earlyUsed: answer.early ? this.#earlyUsed() + 1 : this.#earlyUsed(),
      earlyBoundary: boundary,
      mode: s.mode === "idle" ? "joining" : s.mode,
    };
  }

  /**
   * Takes a folded slice in: from here on it is durable and must be delivered. One that was under
   * way while somebody let the partition go on from elsewhere is dropped: its offsets were skipped.
   */
  onSlice(result: SliceResult): void {
    const s = this.#s;
    if (result.from !== s.cursor) return;
    const before = this.partitionWatermark;
    this.#s = {
      ...s,
      cursor: result.to,
      end: Math.max(result.end, result.to),
      maxEventTime: result.maxEventTime,
      firstEventTime: s.firstEventTime ?? result.firstEventTime,
      totals: addCounts(s.totals, result.counts),
      slices: s.slices + 1,
      busyMs: s.busyMs + result.busyMs,
      pacePoints: result.maxEventTime === null
        ? s.pacePoints
        : remember(s.pacePoints, [result.readAtMs, result.maxEventTime]),
      inDelivery: result.windows.length === 0 ? null : {
        from: result.from,
        to: result.to,
        maxEventTimeBefore: s.maxEventTime,
        windows: result.windows,
        refused: [],
        lost: [],
      },
    };
    const moved = this.partitionWatermark !== before;
    const behind = result.to < result.end;
    const stillMs = moved || behind ? 0 : stillBefore(s, result.attempt) + result.busyMs;
    this.#s = { ...this.#s, stillMs };
  }

  /** Takes in how the delivery of some windows ended. */
  onDelivered(outcomes: readonly (readonly [WindowPartial, DeliveryOutcome])[]): void {
    const delivery = this.#s.inDelivery;
    if (delivery === null) return;
    const done = new Set(outcomes.map(([window]) => window));
    const ended = (how: DeliveryOutcome) =>
      outcomes.filter(([, outcome]) => outcome === how).map(([window]) => window);
    const windows = delivery.windows.filter((window) => !done.has(window));
    const refused = [
      ...delivery.refused,
      ...ended("refused").map((window) => ({
        start: window.start,
        shard: window.shard,
        pairs: pairsOf(window),
      })),
    ];
    const lost = [...delivery.lost, ...ended("lost")];
    const over = windows.length + refused.length + lost.length === 0;
    this.#s = {
      ...this.#s,
      untold: union(this.#s.untold, ended("delivered")),
      inDelivery: over ? null : { ...delivery, windows, refused, lost },
    };
    // Nobody will decide about a partition that was given up while it was delivering.
    if (this.#s.mode === "excluded") this.#s = this.#withoutLost();
  }

  /**
   * Takes in what moves from aggregated to late after a slice was folded again. It depends on more
   * than the topic's content, as what the floor makes late does, and is counted with that: per pair,
   * since an event may have been refused by some of its windows only.
   */
  onRefold(moved: { readonly events: number; readonly pairs: number }): void {
    const { totals, inDelivery } = this.#s;
    this.#s = {
      ...this.#s,
      inDelivery: inDelivery === null || inDelivery.lost.length === 0
        ? null
        : { ...inDelivery, refused: [] },
      totals: {
        ...totals,
        aggregated: totals.aggregated - moved.events,
        late: totals.late + moved.events,
        lateByFloor: totals.lateByFloor + moved.pairs,
        missed: totals.missed + moved.pairs,
      },
    };
  }

  /** Takes the clock's answer to the pending report in. */
  onAnswer(answer: ReportAnswer): void {
    const report = this.#s.pending;
    if (report === null) return;
    const { watermark, driftBase, overtaken } = answer;
    const heard = { ...this.#s, pending: null, watermark, driftBase };
    if (overtaken) {
      this.#s = this.#again(heard);
      return;
    }
    const s = { ...heard, untold: without(heard.untold, report.opened) };
    // A partition that joins counts with the pipeline's watermark at least.
    const known = report.kind === "join"
      ? later(report.watermark, answer.watermark)
      : report.watermark;
    const told = known === null ? s.boundaryTold : this.#boundaryOf(known);
    switch (report.kind) {
      case "join":
        this.#s = {
          ...s,
          mode: s.mode === "joining" ? "active" : s.mode,
          floor: later(s.floor, answer.watermark),
          boundaryTold: told,
          stillMs: 0,
        };
        break;
      case "advance":
        this.#s = { ...s, boundaryTold: told };
        break;
      case "idle":
      case "park": {
        const left = report.kind === "idle" ? "idle" : "parked";
        this.#s = {
          ...s,
          mode: s.mode === "active" ? left : s.mode,
          boundaryTold: told,
        };
        break;
      }
      case "exclude":
        this.#s = { ...s, boundaryTold: told };
        break;
    }
  }

  /** A held partition has waited: it asks for the watermark with its next step. */
  onHeld(): void {
    this.#s = { ...this.#s, owed: this.#s.owed ?? "advance" };
  }

  /** The clock could not be told; the partition is to be stopped. */
  onReportFailed(): void {
    this.#s = { ...this.#s, pending: null };
  }

  /**
   * Stops the partition; it holds the watermark until somebody decides. Whether it does so already
   * is not asked: it may just be leaving the minimum.
   *
   * @param stop Why.
   * @param tellClock Whether the clock can be told.
   */
  onStop(stop: Stop, tellClock = true): void {
    const s = this.#s;
    if (s.mode === "excluded" || s.stop !== null) return;
    this.#s = { ...s, mode: "stopped", stop, owed: tellClock ? "join" : null };
  }

  /**
   * Goes on after a stop, by a person's choice. What could not be delivered is given up and counted.
   *
   * @param from The offset to go on from; at or after the cursor, what lies between is counted as
   * skipped.
   */
  onResume(from: number): void {
    const s = this.#withoutLost();
    const cursor = Math.max(from, s.cursor);
    this.#s = {
      ...s,
      mode: "joining",
      stop: null,
      owed: null,
      cursor,
      end: cursor,
      skippedOffsets: s.skippedOffsets + cursor - s.cursor,
      stillMs: 0,
    };
  }

  /** Gives the partition up, by a person's choice; what could not be delivered is counted. */
  onExclude(): void {
    this.#s = { ...this.#withoutLost(), mode: "excluded", stop: null, owed: "exclude" };
  }

  /**
   * Sets or lifts the fixed end. A parked partition joins first, because the watermark may have
   * been flushed past it.
   *
   * @param until The fixed end; null to go live.
   */
  onBound(until: number | null): void {
    const s = this.#s;
    const mode = s.mode === "parked" || s.mode === "idle" || s.mode === "active"
      ? "joining"
      : s.mode;
    this.#s = { ...s, until, mode, stillMs: 0 };
  }

  /**
   * A report was overtaken by a later one, of which a crash has left no trace here, and which may
   * have said anything: so the partition says anew how it stands.
   */
  #again(s: DrainSnapshot): DrainSnapshot {
    if (s.mode === "excluded") return { ...s, owed: "exclude" };
    return s.mode === "stopped" ? { ...s, owed: "join" } : { ...s, mode: "joining" };
  }

  #withoutLost(): DrainSnapshot {
    const s = this.#s;
    if (s.inDelivery === null) return s;
    const { lost, windows, refused } = s.inDelivery;
    const over = windows.length + refused.length === 0;
    return {
      ...s,
      lostPairs: s.lostPairs + lost.reduce((sum, window) => sum + pairsOf(window), 0),
      inDelivery: over ? null : { ...s.inDelivery, lost: [] },
    };
  }

  /** A report says nothing of a slice whose delivery is not over (I3): a stop may be between. */
  #report(kind: Report["kind"]): Report {
    const { partition, seq, inDelivery, maxEventTime, firstEventTime, untold } = this.#s;
    const delivered = inDelivery === null ? maxEventTime : inDelivery.maxEventTimeBefore;
    const watermark = this.#watermarkAt(delivered);
    return { partition, seq: seq + 1, kind, watermark, firstEventTime, opened: untold };
  }

  #watermarkAt(maxEventTime: number | null): number | null {
    const { floor } = this.#s;
    if (maxEventTime === null) return floor;
    return Math.max(maxEventTime - this.#rules.delayMs, floor ?? -Infinity);
  }

  #dueReport(): Report | null {
    const s = this.#s;
    if (s.pending !== null) return s.pending;
    if (s.owed !== null) return this.#report(s.owed);
    if (s.mode === "joining") return this.#report("join");
    if (s.mode !== "active") return null;
    if (s.until !== null && s.cursor >= s.until) {
      return this.#report(s.maxEventTime === null ? "idle" : "park");
    }
    const watermark = this.partitionWatermark;
    if (watermark !== null && this.#boundaryOf(watermark) > (s.boundaryTold ?? -Infinity)) {
      return this.#report("advance");
    }
    const caughtUp = s.until === null && s.cursor >= s.end;
    return caughtUp && s.stillMs >= this.#rules.idleAfterMs ? this.#report("idle") : null;
  }

  #held(): boolean {
    const { driftBase } = this.#s;
    const watermark = this.partitionWatermark;
    return driftBase !== null && watermark !== null &&
      watermark > driftBase + this.#rules.maxDriftMs;
  }

  #awaitStep(nowMs: number): DrainStep {
    const s = this.#s;
    const notBeforeMs = s.pacedAtMs + this.#rules.paceMs;
    const left = this.#rules.idleAfterMs - s.stillMs;
    return {
      kind: "await",
      notBeforeMs,
      earlyAtMs: notBeforeMs > nowMs ? this.#earlyMoments() : [],
      quietMs: s.mode === "idle" ? IDLE_LOOK_MS : Math.max(1, Math.min(LOOK_MS, left)),
    };
  }

  #earlyMoments(): number[] {
    const boundary = this.#nextBoundary();
    if (boundary === null) return [];
    const at = predict(this.#s.pacePoints, boundary + this.#rules.delayMs);
    if (at === undefined) return [];
    return EARLY_AFTER_MS.slice(this.#earlyUsed()).map((after) => at + after);
  }

  #earlyUsed(): number {
    return this.#s.earlyBoundary === this.#nextBoundary() ? this.#s.earlyUsed : 0;
  }

  /** The next watermark at which a window could close or complete. */
  #nextBoundary(): number | null {
    const watermark = this.partitionWatermark;
    return watermark === null
      ? null
      : boundaryAfter(this.#rules.windowing, this.#rules.latenessMs, watermark);
  }

  #boundaryOf(watermark: number): number {
    return boundaryAtOrBefore(this.#rules.windowing, this.#rules.latenessMs, watermark);
  }
}

/**
 * The (event, window) pairs of a partial.
 *
 * @param window The partial of one window.
 * @returns How many events its cells hold.
 */
export function pairsOf(window: WindowPartial): number {
  return window.cells.reduce((sum, cell) => sum + cell[1], 0);
}

/** A failed or timed out attempt begins the count again: an outage is not silence. */
function stillBefore(s: DrainSnapshot, attempt: number): number {
  return attempt > 1 ? 0 : s.stillMs;
}

function sameWindow(a: WindowShard): (b: WindowShard) => boolean {
  return (b) => a.start === b.start && a.shard === b.shard;
}

function union(some: readonly WindowShard[], more: readonly WindowShard[]): WindowShard[] {
  const added = more.filter((window) => !some.some(sameWindow(window)));
  return [...some, ...added.map(({ start, shard }) => ({ start, shard }))];
}

function without(some: readonly WindowShard[], told: readonly WindowShard[]): WindowShard[] {
  return some.filter((window) => !told.some(sameWindow(window)));
}

function later(a: number | null, b: number | null): number | null {
  if (a === null) return b;
  return b === null ? a : Math.max(a, b);
}
