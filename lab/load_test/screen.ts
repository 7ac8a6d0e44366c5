/**
 * The live view of a load test: a picture that is drawn anew on a terminal, lines in a pipe.
 *
 * @module
 */

import type { PhaseName } from "./plan.ts";
import { lagOf, type TimelinePoint } from "./record.ts";

/** How often a line is told in a pipe, in ms. */
const LINE_MS = 5_000;
/** A terminal that doesn't tell its width has this one. */
const WIDTH = 80;

/** Where it is shown. */
export interface ScreenTarget {
  /** Whether it is a terminal, on which lines can be drawn anew. */
  readonly isTerminal: boolean;
  /** Whether text may be bold. */
  readonly color: boolean;
  /** How wide it is, in columns. */
  readonly width: () => number;
  /** Writes text. */
  readonly write: (text: string) => void;
}

/** Standard output or standard error. */
export function screenOn(stream: typeof Deno.stdout | typeof Deno.stderr): ScreenTarget {
  const encoder = new TextEncoder();
  return {
    isTerminal: stream.isTerminal(),
    color: !Deno.noColor,
    width() {
      try {
        return Deno.consoleSize().columns;
      } catch {
        return WIDTH;
      }
    },
    write(text) {
      try {
        for (let rest = encoder.encode(text); rest.length > 0;) {
          rest = rest.subarray(stream.writeSync(rest));
        }
      } catch {
        // Nobody reads any more: the test goes on to its end, which is noticed elsewhere.
      }
    },
  };
}

/** Shows a load test. */
export class Screen {
  readonly #target: ScreenTarget;
  #drawn = 0;
  #toldAtMs = -Infinity;

  /** Begins with nothing shown. */
  constructor(target: ScreenTarget) {
    this.#target = target;
  }

  /** Whether lines are drawn anew, in place. */
  get redraws(): boolean {
    return this.#target.isTerminal;
  }

  /** Prints a line for good, above the drawn ones. */
  readonly line = (text: string): void => {
    this.#target.write(`${this.#erase()}${text}\n`);
  };

  /** Shows how things stand. */
  show(state: FrameState, nowMs: number): void {
    const { isTerminal, width, write } = this.#target;
    if (isTerminal) {
      const lines = frameLines(state, width());
      write(`${this.#erase()}${lines.map((line, i) => this.#styled(line, i)).join("\n")}\n`);
      this.#drawn = lines.length;
    } else if (nowMs - this.#toldAtMs >= LINE_MS) {
      this.#toldAtMs = nowMs;
      write(`${frameLine(state)}\n`);
    }
  }

  /** Takes the drawn lines away. */
  end(): void {
    this.#target.write(this.#erase());
  }

  /** Up to the first drawn line, and away with all below. */
  #erase(): string {
    if (this.#drawn === 0) return "";
    const up = `\x1b[${this.#drawn}A\x1b[0J`;
    this.#drawn = 0;
    return up;
  }

  #styled(line: string, index: number): string {
    return index === 0 && this.#target.color ? `\x1b[1m${line}\x1b[0m` : line;
  }
}

/** What the live view shows. */
export interface FrameState {
  /** The phase; `end` after the last one. */
  readonly phase: PhaseName | "end";
  /** What the phase is waiting for or about; empty where its name says it. */
  readonly note: string;
  /** How long it has lasted, in s. */
  readonly elapsed: number;
  /** How long it will last, in s; null if that is not known. */
  readonly seconds: number | null;
  /** How many producers there are. */
  readonly producers: number;
  /** Events per second over the last seconds. */
  readonly rate: number;
  /** How things stand. */
  readonly point: TimelinePoint;
  /** The last decision; empty before the first. */
  readonly decision: string;
  /** Which window closed last; empty before the first. */
  readonly closed: string;
  /** Its rows as a table. */
  readonly rows: readonly string[];
}

/** The view for a terminal. */
export function frameLines(state: FrameState, width: number): string[] {
  const { phase, note, elapsed, seconds, producers, rate, point, decision, closed, rows } = state;
  const time = seconds === null
    ? `${Math.round(elapsed)} s`
    : `${Math.round(elapsed)} of ${seconds} s`;
  const lines = [
    `── ${phase}, ${time}, ${people(producers)}${note === "" ? "" : `: ${note}`} `
      .padEnd(Math.min(width, 78), "─"),
    `input ${rate.toFixed(1).padStart(6)} ev/s   lag ${String(lagOf(point)).padStart(5)}   ` +
    `folded ${String(point.folded).padStart(6)}   ${watermark(point)}`,
    `workers ${"■".repeat(point.ready)}${"◧".repeat(point.starting)}${"□".repeat(point.draining)}` +
    `  ${workers(point)}`,
    ...(decision === "" ? [] : [`decided ${decision}`]),
    ...(closed === "" ? [] : [`closed  ${closed}`]),
    ...rows.map((row) => `  ${row}`),
  ];
  return lines.map((line) => cut(line, width));
}

/** The view in a line, for a pipe. */
export function frameLine(state: FrameState): string {
  const { phase, elapsed, rate, point } = state;
  return `${phase} ${Math.round(elapsed)} s  input ${rate.toFixed(1)} ev/s  lag ${lagOf(point)}  ` +
    `${workers(point)}  ${watermark(point)}`;
}

function workers({ desired, ready, starting, draining }: TimelinePoint): string {
  const more = [
    ...(starting > 0 ? [`${starting} starting`] : []),
    ...(draining > 0 ? [`${draining} ending`] : []),
  ];
  return [`${desired} wanted`, `${ready} ready`, ...more].join(", ");
}

function watermark({ watermarkDelayMs }: TimelinePoint): string {
  return watermarkDelayMs === null
    ? "no watermark yet"
    : `watermark ${(watermarkDelayMs / 1000).toFixed(1)} s behind`;
}

function people(producers: number): string {
  return producers === 1 ? "1 producer" : `${producers} producers`;
}

function cut(line: string, width: number): string {
  const letters = [...line];
  return letters.length <= width ? line : `${letters.slice(0, Math.max(0, width - 1)).join("")}…`;
}
