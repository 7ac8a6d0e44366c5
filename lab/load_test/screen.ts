/**
 * Shows the load test while it runs: on a terminal a few lines that are drawn anew in place, in a
 * pipe a plain line now and then.
 *
 * @module
 */

import { frameLine, frameLines, type FrameState } from "./mod.ts";

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

/**
 * Standard output or standard error.
 *
 * @param stream Which of the two.
 * @returns The target.
 */
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
export class SpikeScreen {
  readonly #target: ScreenTarget;
  #drawn = 0;
  #toldAtMs = -Infinity;

  /**
   * Begins with nothing shown.
   *
   * @param target Where it is shown.
   */
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

  /**
   * Shows how things stand.
   *
   * @param state How.
   * @param nowMs The time, in ms.
   */
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
