/**
 * What a worker of its own sweeps for. A child of the control process is told; a worker that somebody
 * else has started asks the supervisor, and may be of another version: then it would fold by other
 * rules, and is refused.
 *
 * @module
 */

import { Loop, type Pause } from "../adapters/loop.ts";
import type { RunningWorker } from "../adapters/temporal/workers.ts";
import { errorText, TidegateError } from "../core/errors.ts";
import { fileDifferences, type LeasedCode, type SupervisorState } from "../core/flow/lease.ts";
import { fingerprintDifferences, fingerprintOf, type Plan } from "../core/plan.ts";

/** A worker that has heard nothing for so long asks again, in ms. */
const SILENT_MS = 60_000;
/** How often it asks while nobody answers, in ms. */
const ASK_MS = 2_000;
/** The longest that a timer waits, in ms. */
const NEVER_MS = 2 ** 31 - 1;

/** What is asked of the pipeline's workflows. */
export interface StateAsked {
  /** Whether the pipeline has ever been started. */
  exists(): Promise<boolean>;
  /** Whether somebody answers for it now. */
  answers(): Promise<boolean>;
  /** The generation, and the definition and the code that its state is made by. */
  supervisor(): Promise<Pick<SupervisorState, "generation" | "fingerprint" | "code">>;
}

/** What a worker may sweep for. */
export interface Admitted {
  /** The generation. */
  readonly generation: number;
  /** The hash of the code that folds. */
  readonly codeHash: string;
}

/** Asks what to sweep for, and compares this worker's definition and code with the state's. */
export class Admission {
  readonly #workflows: StateAsked;
  readonly #plan: Plan;
  readonly #code: LeasedCode;

  /**
   * @param workflows The pipeline's workflows.
   * @param plan This worker's plan.
   * @param code The code that this worker has loaded.
   */
  constructor(workflows: StateAsked, plan: Plan, code: LeasedCode) {
    this.#workflows = workflows;
    this.#plan = plan;
    this.#code = code;
  }

  /**
   * Asks. Null while there is no state, or nobody who answers for it.
   *
   * @throws {TidegateError} `TG_DEFINITION_CHANGED`
   */
  async ask(): Promise<Admitted | null> {
    if (!await this.#workflows.exists() || !await this.#workflows.answers()) return null;
    const { generation, fingerprint, code } = await this.#workflows.supervisor();
    if (fingerprint === null || code === undefined || generation === 0) return null;
    // The topic's id is for the control process to compare.
    const { topicId: _, ...kept } = fingerprint;
    const differences = [
      ...fingerprintDifferences(kept, fingerprintOf(this.#plan)),
      ...code.accepted.at(-1)?.hash === this.#code.hash
        ? []
        : fileDifferences(code.files, this.#code.files),
    ];
    if (differences.length === 0) return { generation, codeHash: this.#code.hash };
    throw new TidegateError(
      "TG_DEFINITION_CHANGED",
      `This worker's definition of ${this.#plan.pipeline} is not the one of the control process:` +
        `\n  ${differences.join("\n  ")}`,
      { next: "Give workers and control process the same version of it." },
    );
  }
}

/** What a worker needs that follows the generations of a pipeline. */
export interface FollowOptions {
  /** Says what to sweep for. */
  readonly admission: Pick<Admission, "ask">;
  /** Starts to sweep; `heard` is to be called whenever a sweep is heard of. */
  readonly start: (
    admitted: Admitted,
    heard: () => void,
  ) => Promise<Pick<RunningWorker, "done" | "stop">>;
  /** Receives log lines. */
  readonly say: (line: string) => void;
  /**
   * The clock, in ms.
   * @default {performance.now}
   */
  readonly now?: () => number;
  /**
   * Waits between two questions.
   * @default a timer
   */
  readonly pause?: Pause;
}

/** A worker that sweeps for whatever generation the pipeline has. */
export class FollowingWorker {
  readonly #options: FollowOptions;
  readonly #now: () => number;
  readonly #loop: Loop;
  readonly #failed = Promise.withResolvers<Error>();
  #at: Admitted | null = null;
  #worker: Pick<RunningWorker, "done" | "stop"> | null = null;
  #heardMs = -Infinity;
  #said = "";

  /** Begins to ask, and to sweep as soon as there is an answer. */
  constructor(options: FollowOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#loop = new Loop(() => this.#turn(), options.pause);
  }

  /** The generation that it sweeps for; null while it waits for one. */
  get generation(): number | null {
    return this.#worker === null ? null : this.#at?.generation ?? null;
  }

  /** Resolves when it can't go on, with why. */
  get failed(): Promise<Error> {
    return this.#failed.promise;
  }

  /** Lets its sweep answer with what it has, and ends. */
  async stop(): Promise<void> {
    await this.#loop.stop();
    await this.#worker?.stop();
    this.#worker = null;
  }

  /** One look; gives the time to the next, in ms. */
  async #turn(): Promise<number> {
    const leftMs = this.#heardMs + SILENT_MS - this.#now();
    if (this.#worker !== null && leftMs > 0) return leftMs;
    try {
      const admitted = await this.#options.admission.ask();
      this.#heardMs = this.#now();
      if (admitted === null) {
        if (this.#worker === null) this.#tell("no control process answers yet: waiting for one");
      } else {
        await this.#follow(admitted);
      }
    } catch (error) {
      if (!(error instanceof TidegateError && error.retryable)) {
        this.#failed.resolve(error instanceof Error ? error : new Error(errorText(error)));
        return NEVER_MS;
      }
      this.#tell(`cannot ask what to sweep for: ${error.message}`);
      return ASK_MS;
    }
    return this.#worker === null ? ASK_MS : SILENT_MS;
  }

  async #follow(admitted: Admitted): Promise<void> {
    const isSame = this.#at?.generation === admitted.generation &&
      this.#at.codeHash === admitted.codeHash;
    if (this.#worker !== null && isSame) return;
    await this.#worker?.stop();
    this.#worker = null;
    const worker = await this.#options.start(admitted, () => this.#heardMs = this.#now());
    this.#worker = worker;
    this.#at = admitted;
    void worker.done.catch((error) => {
      if (this.#worker === worker) this.#failed.resolve(error);
    });
    this.#tell(`sweeps for generation ${admitted.generation}`);
  }

  #tell(line: string): void {
    if (line !== this.#said) this.#options.say(line);
    this.#said = line;
  }
}
