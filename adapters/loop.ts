/** Work that is repeated, one run after the other, at intervals that each run sets itself. */

import { setTimeout as sleep } from "node:timers/promises";

/** Waits; may be cut short by the signal. */
export type Pause = (ms: number, signal: AbortSignal) => Promise<void>;

/** Repeats a work until it is stopped. */
export class Loop {
  readonly #work: () => Promise<number>;
  readonly #pause: Pause;
  readonly #running: Promise<void>;
  #wake = new AbortController();
  #stopped = false;

  /**
   * Begins at once.
   *
   * @param work One run; gives the time to the next, in ms. It does not throw.
   * @param pause How it waits.
   */
  constructor(work: () => Promise<number>, pause: Pause = byTimer) {
    this.#work = work;
    this.#pause = pause;
    this.#running = this.#run();
  }

  /** Whether it has been stopped. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** Lets the next run begin at once. */
  wake(): void {
    this.#wake.abort();
  }

  /** Ends it and waits for the run under way. */
  stop(): Promise<void> {
    this.#stopped = true;
    this.wake();
    return this.#running;
  }

  async #run(): Promise<void> {
    // Whoever makes the loop is not complete yet.
    await Promise.resolve();
    while (!this.#stopped) {
      this.#wake = new AbortController();
      const { signal } = this.#wake;
      const ms = await this.#work();
      if (!this.#stopped && !signal.aborted) await this.#pause(ms, signal);
    }
  }
}

function byTimer(ms: number, signal: AbortSignal): Promise<void> {
  return sleep(ms, undefined, { signal }).catch(() => undefined);
}
