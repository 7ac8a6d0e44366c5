/**
 * Workers that somebody else starts: the desired number is only told, by {@linkcode Fleet}, and who
 * is there is looked up on the Temporal server.
 *
 * @module
 */

import { errorText } from "../../core/errors.ts";
import { Loop } from "../loop.ts";
import { type Launcher, workerCount, type WorkerSlot, type WorkerTimes } from "./launcher.ts";

/** How often the server is asked who polls, in ms. */
const LOOK_MS = 5_000;

/** What the launcher needs. */
export interface ExternalLauncherOptions {
  /** The identities of the workers that poll for sweeps now. */
  readonly pollers: () => Promise<readonly string[]>;
  /** Told of problems, in lines for people. */
  readonly say: (line: string) => void;
  /** Told of every change of the fleet. */
  readonly onChange?: () => void;
  /**
   * Waits between two looks; may be cut short by the signal.
   * @default a timer
   */
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/**
 * Makes a launcher that starts nothing. Its slots are the workers that Temporal has lately been
 * polled by, all of them ready; a worker that has died is among them for about a minute more. It
 * ends none and replaces none.
 *
 * @param options What it needs.
 * @returns The launcher.
 */
export function createExternalLauncher(options: ExternalLauncherOptions): Launcher {
  return new ExternalLauncher(options);
}

class ExternalLauncher implements Launcher {
  readonly #options: ExternalLauncherOptions;
  readonly #loop: Loop;
  #desired = 0;
  #slots: readonly WorkerSlot[] = [];
  #problem: string | null = null;

  constructor(options: ExternalLauncherOptions) {
    this.#options = options;
    this.#loop = new Loop(() => this.#look(), options.pause);
  }

  get desired(): number {
    return this.#desired;
  }

  get slots(): readonly WorkerSlot[] {
    return this.#slots;
  }

  get times(): WorkerTimes {
    return { startupMs: null, drainMs: null };
  }

  want(desired: number): void {
    workerCount(desired);
    if (this.#loop.stopped || desired === this.#desired) return;
    this.#desired = desired;
    this.#options.onChange?.();
  }

  replace(): boolean {
    return false;
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async #look(): Promise<number> {
    const { pollers, say, onChange } = this.#options;
    try {
      const identities = [...await pollers()].sort();
      this.#problem = null;
      const same = identities.length === this.#slots.length &&
        this.#slots.every(({ identity }, slot) => identity === identities[slot]);
      this.#slots = identities.map((identity, slot) => ({
        slot,
        state: "ready",
        pid: null,
        identity,
        restarts: 0,
        problem: null,
      }));
      if (!same) onChange?.();
    } catch (error) {
      const problem = errorText(error);
      if (problem !== this.#problem) say(`cannot look who polls for sweeps: ${problem}`);
      this.#problem = problem;
    }
    return LOOK_MS;
  }
}
