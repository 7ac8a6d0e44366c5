/**
 * Tells the drain for how many sweeps the fleet has room, whenever that changes; and lets the last
 * worker go only when no sweep is with it.
 *
 * @module
 */

import { setTimeout as sleep } from "node:timers/promises";
import type { PipelineObserver } from "../../activities/observer.ts";
import type { Launcher } from "../../adapters/launchers/launcher.ts";
import type { GenerationClient } from "../../adapters/temporal/generation_client.ts";
import { errorText } from "../../core/errors.ts";
import { countSlots } from "../../core/scaling/slots.ts";
import type { GenerationView } from "../../workflows/messages.ts";

/** How long the last worker waits for its sweep, in ms; it then ends in order, with what it has. */
const CLEAR_MS = 5_000;
/** The drain is told again if it has thought otherwise for so long, in ms. */
const AGAIN_MS = 2_000;
/** After a word that failed, in ms. */
const RETRY_MS = 500;

/** Time as this process measures it. */
export interface ReadyTime {
  /** A clock that only goes forward, in ms. */
  now(): number;
  /** Resolves after some ms, or once the signal is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

const TIME: ReadyTime = {
  now: () => performance.now(),
  sleep: (ms, signal) => sleep(ms, undefined, { signal }).catch(() => undefined),
};

/** Tells the drain of the fleet. */
export class ReadyTeller implements PipelineObserver {
  readonly #drain: Pick<GenerationClient, "ready">;
  readonly #launcher: Pick<Launcher, "desired" | "slots" | "want">;
  readonly #say: (line: string) => void;
  readonly #time: ReadyTime;
  #off = false;
  #told: number | null = null;
  #toldAtMs = -Infinity;
  #telling: Promise<void> | null = null;
  #view: GenerationView | null = null;
  #cleared: (() => void) | null = null;
  #wants = 0;
  #stopped = false;

  /**
   * @param drain Is told.
   * @param launcher Keeps the workers.
   * @param say Receives log lines.
   * @param time Measures time.
   */
  constructor(
    drain: Pick<GenerationClient, "ready">,
    launcher: Pick<Launcher, "desired" | "slots" | "want">,
    say: (line: string) => void,
    time: ReadyTime = TIME,
  ) {
    this.#drain = drain;
    this.#launcher = launcher;
    this.#say = say;
    this.#time = time;
  }

  /** For how many sweeps there is room. */
  get slots(): number {
    return this.#off ? 0 : countSlots(this.#launcher.slots).ready;
  }

  /** The fleet has changed. */
  changed(): void {
    if (this.#stopped || this.slots === this.#told) return;
    this.#telling ??= this.#tell().finally(() => this.#telling = null);
  }

  /** The drain has decided. */
  drained(view: GenerationView): void {
    this.#view = view;
    if (this.#isClear) this.#cleared?.();
    // A sweep that nobody began in time makes the drain think that nobody is there.
    const differs = view.slots !== this.slots && this.#time.now() - this.#toldAtMs >= AGAIN_MS;
    if (differs && this.#telling === null) {
      this.#told = null;
      this.changed();
    }
  }

  /**
   * Sets how many workers there are to be; before there is none, no sweep may be with the last. A
   * later number takes the place of one that still waits for that.
   */
  async want(desired: number): Promise<void> {
    const want = ++this.#wants;
    this.#off = desired === 0;
    if (desired === 0 && this.#launcher.desired > 0) {
      const { promise: cleared, resolve } = Promise.withResolvers<void>();
      this.#cleared = resolve;
      this.changed();
      const clear = async () => {
        await this.#telling;
        if (!this.#isClear) await cleared;
      };
      const over = new AbortController();
      await Promise.race([clear(), this.#time.sleep(CLEAR_MS, over.signal)]);
      over.abort();
      if (want !== this.#wants) return;
    }
    this.#launcher.want(desired);
    this.changed();
  }

  /** Tells nothing any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#telling;
  }

  /** Whether the drain has heard that there is no room, and no sweep is with the fleet. */
  get #isClear(): boolean {
    return this.#view === null ||
      (this.#view.slots === 0 && this.#view.sweeps.every(({ at }) => at === "control"));
  }

  async #tell(): Promise<void> {
    while (!this.#stopped && this.slots !== this.#told) {
      const { slots } = this;
      try {
        await this.#drain.ready(slots);
        this.#told = slots;
        this.#toldAtMs = this.#time.now();
      } catch (error) {
        this.#say(`the drain was not told of ${slots} workers: ${errorText(error)}`);
        await this.#time.sleep(RETRY_MS);
      }
    }
  }
}
