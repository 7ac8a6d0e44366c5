/**
 * Runs a window case of a conformance file: its records through the fold, its cells into the windows
 * by the drain's table of them, and its watermark to their timers. Nothing of the rules is written here a
 * second time.
 *
 * @module
 */

import { cellFromWire, createCellFolder } from "../../core/fold/aggregates.ts";
import { jsonBytes } from "../../core/fold/cells.ts";
import { SliceFold } from "../../core/fold/fold.ts";
import { later } from "../../core/event_time/watermark.ts";
import { OpenWindows, type OpenWindowsSnapshot } from "../../core/flow/open_windows.ts";
import {
  type EmittedCells,
  TestWindows,
  type WindowsSnapshot,
} from "../../definition/testing/windows.ts";
import type { StepExpectation, VectorRecord, VectorStep, WindowVector } from "./cases.ts";
import { windowEnd } from "../../core/event_time/windows.ts";

/** What a step came to, as far as it differs from what is expected. */
export interface StepDifference {
  /** The step, from 1. */
  readonly step: number;
  /** What came, in the words of the file. */
  readonly got: unknown;
  /** What is expected. */
  readonly expected: unknown;
}

/** A record that the case counts on, but Tidegate takes for invalid. */
export interface BeyondLimits {
  /** What is wrong with it. */
  readonly invalid: string;
}

/**
 * Runs a window case.
 *
 * @returns The first step that differs; undefined if none does.
 */
export function runWindowVector(vector: WindowVector): StepDifference | BeyondLimits | undefined {
  const run = new WindowRun(vector);
  for (const [i, step] of vector.steps.entries()) {
    const outcome = run.step(step);
    if (outcome.invalid !== undefined) return { invalid: outcome.invalid };
    const difference = differenceOf(step.expected, outcome, vector.unitMs);
    if (difference !== undefined) return { step: i + 1, ...difference };
  }
  return undefined;
}

/** What a step came to; times in ms. */
type StepOutcome = Required<StepExpectation> & { readonly invalid?: string };

/** All state of a running case. */
interface RunSnapshot {
  readonly watermark: number | null;
  readonly open: OpenWindowsSnapshot;
  readonly windows: WindowsSnapshot;
  readonly cursor: number;
  readonly maxEventTime: number | null;
}

class WindowRun {
  readonly #vector: WindowVector;
  readonly #values: (row: Parameters<typeof cellFromWire>[0]) => number[];
  /** How many events a row had when it was last seen: what the reader of the results remembers. */
  readonly #seen = new Map<string, number>();
  #watermark: number | null = null;
  #open: OpenWindows;
  #windows: TestWindows;
  #cursor = 0;
  #now = 0;
  #maxEventTime: number | null = null;

  constructor(vector: WindowVector) {
    this.#vector = vector;
    this.#open = new OpenWindows(rulesOf(vector));
    this.#windows = new TestWindows(vector);
    const folder = createCellFolder(vector.aggregates);
    this.#values = (row) => Object.values(folder.values(cellFromWire(row).cell));
  }

  step(step: VectorStep): StepOutcome {
    if (step.restart) this.#restart();
    const { invalid, late, partlyLate } = this.#fold(step.records);
    const { delayMs } = this.#vector;
    if (delayMs !== null && this.#maxEventTime !== null) {
      this.#watermark = later(this.#watermark, this.#maxEventTime - delayMs);
    }
    // What was delivered to windows that have closed, but stay open for lateness, comes out first.
    const out = this.#settle();
    if (step.advance !== null) {
      this.#watermark = later(this.#watermark, step.advance);
      for (const [key, row] of this.#settle()) out.set(key, row);
    }
    return {
      out: [...out.values()],
      watermark: this.#watermark,
      late,
      partlyLate,
      open: this.#windows.cells(this.#open.snapshot())
        .reduce((sum, { cells }) => sum + cells.length, 0),
      ...(invalid === undefined ? {} : { invalid }),
    };
  }

  /** With an explicit watermark a record is judged by that alone: it is a floor, and no more. */
  #fold(records: readonly VectorRecord[]) {
    const explicit = this.#vector.delayMs === null;
    let late = 0;
    let partlyLate = 0;
    let invalid: string | undefined;
    for (const run of explicit ? records.map((record) => [record]) : [records]) {
      const fold = this.#newFold(explicit);
      for (const record of run) {
        const before = fold.counts;
        fold.add([{ offset: 0, timestampMs: -1, value: null }], [decodedOf(record)], () => "");
        const { late: all, missed } = fold.counts;
        late += all - before.late;
        if (missed > before.missed && all === before.late) partlyLate += 1;
      }
      invalid ??= fold.takeRejects().find(({ kind }) => kind === "invalid")?.message;
      const span = [0, this.#cursor, this.#cursor + run.length] as const;
      const parts = fold.windows().map((part) => (
        { ...part, bytes: jsonBytes(part.cells), spans: [span] }
      ));
      this.#open.hold(parts, 0);
      this.#cursor += run.length;
      this.#maxEventTime = explicit ? null : fold.maxEventTime;
    }
    return { late, partlyLate, invalid };
  }

  #newFold(explicit: boolean): SliceFold {
    const { windowing, latenessMs, aggregates, delayMs } = this.#vector;
    const plan = {
      windowing,
      latenessMs,
      aggregates,
      delayMs: delayMs ?? 0,
      maxAheadMs: 0,
      groupBy: ["key"],
      shards: 1,
    };
    const reader = { check, eventTimeField: "time", where: null, numericFields: [] };
    return new SliceFold(plan, reader, {
      maxEventTime: this.#maxEventTime,
      floor: explicit ? this.#watermark : null,
    });
  }

  /** The rows that have come out or have changed, by window and key. */
  #settle(): Map<string, StepOutcome["out"][number]> {
    const rows = new Map<string, StepOutcome["out"][number]>();
    for (const { start, cells } of this.#emit()) {
      for (const cell of cells) {
        const [key, events] = cell;
        const row = JSON.stringify([start, key]);
        // The last emission of a window repeats all of its rows.
        if (this.#seen.get(row) === events) continue;
        this.#seen.set(row, events);
        const end = windowEnd(this.#vector.windowing, start);
        rows.set(row, [keyOf(key), start, end, ...this.#values(cell)]);
      }
    }
    return rows;
  }

  /** What windows emit until nothing is due; each step is as long as the drain's pause of delivers. */
  #emit(): EmittedCells[] {
    const all: EmittedCells[] = [];
    for (;;) {
      this.#now += 1_000;
      this.#open.makeCalls(this.#watermark, this.#now, Infinity, false);
      const batches = this.#open.send(this.#now, Infinity);
      if (batches.length === 0) return all;
      for (const call of batches.flat()) {
        const [outcome, emitted] = this.#windows.call(call);
        this.#open.answered(outcome, this.#now);
        if (emitted !== null) all.push(emitted);
      }
    }
  }

  /** Takes all state down to plain data, and a fresh start from what can be read back of it. */
  #restart(): void {
    const snapshot: RunSnapshot = JSON.parse(JSON.stringify({
      watermark: this.#watermark,
      open: this.#open.snapshot(),
      windows: this.#windows.snapshot(),
      cursor: this.#cursor,
      maxEventTime: this.#maxEventTime,
    }));
    this.#watermark = snapshot.watermark;
    this.#open = new OpenWindows(rulesOf(this.#vector), snapshot.open);
    this.#windows = new TestWindows(this.#vector, snapshot.windows);
    this.#cursor = snapshot.cursor;
    this.#maxEventTime = snapshot.maxEventTime;
  }
}

function rulesOf(vector: WindowVector) {
  return { ...vector, deliverEveryMs: 0, emitEveryMs: null };
}

function check(value: unknown) {
  return { ok: true, event: Object(value) } as const;
}

function decodedOf({ key, timeMs, values }: VectorRecord) {
  const columns = values.map((value, i) => [`v${i}`, value]);
  return { ok: true, value: { key, time: timeMs, ...Object.fromEntries(columns) } } as const;
}

function keyOf(canonical: string): unknown {
  const [key]: unknown[] = JSON.parse(canonical);
  return key;
}

/** Compares what is given; in the words of the file, and in its unit. */
function differenceOf(
  expected: StepExpectation,
  outcome: StepOutcome,
  unitMs: number,
): Omit<StepDifference, "step"> | undefined {
  const got: Record<string, unknown> = {};
  const wanted: Record<string, unknown> = {};
  if (expected.out !== undefined) {
    const came = textsOf(outcome.out, unitMs);
    const hoped = textsOf(expected.out, unitMs);
    if (came.join() !== hoped.join()) {
      got["out"] = came.map(parsed);
      wanted["out"] = hoped.map(parsed);
    }
  }
  if (expected.watermark !== undefined && expected.watermark !== outcome.watermark) {
    got["watermark"] = inUnit(outcome.watermark, unitMs);
    wanted["watermark"] = inUnit(expected.watermark, unitMs);
  }
  for (const name of ["late", "partlyLate", "open"] as const) {
    if (expected[name] === undefined || expected[name] === outcome[name]) continue;
    got[name] = outcome[name];
    wanted[name] = expected[name];
  }
  return Object.keys(got).length === 0 ? undefined : { got, expected: wanted };
}

/** Rows as texts, in an order of their own: the order of rows is free. */
function textsOf(rows: StepOutcome["out"], unitMs: number): string[] {
  return rows.map(([key, start, end, ...values]) =>
    JSON.stringify([key, inUnit(start, unitMs), inUnit(end, unitMs), ...values])
  ).sort();
}

function parsed(text: string): unknown {
  return JSON.parse(text);
}

function inUnit(ms: number | null, unitMs: number): number | null {
  return ms === null ? null : ms / unitMs;
}
