/**
 * The lease of the control process: taken at the start, renewed as long as it runs, given back at
 * its end.
 *
 * @module
 */

import { deadline } from "../../adapters/deadline.ts";
import { Loop } from "../../adapters/loop.ts";
import { reachability } from "../../adapters/servers.ts";
import type { PipelineClient } from "../../adapters/temporal/pipeline_client.ts";
import { errorText, TidegateError } from "../../core/errors.ts";
import {
  controlRunning,
  type LeaseAnswer,
  type LeasedCode,
  lifeOf,
  type Owner,
} from "../../core/flow/lease.ts";
import type { Fingerprint, Plan, StartPosition } from "../../core/plan.ts";

/** A lease lasts this long unless it is renewed, in ms. */
const LEASE_MS = 120_000;
/** How often it is renewed, in ms. */
const RENEW_MS = 40_000;
/** After a renewal that failed, in ms. */
const RETRY_MS = 5_000;
/** How long the end waits for a renewal under way, in ms. */
const LEAVE_MS = 2_000;

/** What the lease is asked with. */
export interface LeaseOptions {
  /** The pipeline's workflows. */
  readonly workflows: PipelineClient;
  /** The pipeline's plan. */
  readonly plan: Plan;
  /** Who asks. */
  readonly owner: Owner;
  /** The id of a control process that is known to have died; null if none is. */
  readonly dead: string | null;
  /** The definition that the state is made by. */
  readonly fingerprint: Fingerprint;
  /** The code that folds. */
  readonly code: LeasedCode;
  /** Whether a person says that the code means the same, although it differs. */
  readonly sameMeaning: boolean;
  /** Whether to begin a new generation. */
  readonly newGeneration: boolean;
  /** Where a generation begins that begins now. */
  readonly from: StartPosition;
  /** The last generation of which there are traces. */
  readonly used: number;
}

/**
 * Takes the lease of a pipeline, also from a process that is known to have died.
 *
 * @returns The generation, and where it begins.
 * @throws {TidegateError} `TG_CONTROL_RUNNING`, `TG_TOPIC_RECREATED`, `TG_DEFINITION_CHANGED`
 */
export async function takeLease(
  { workflows, plan, dead, ...asked }: LeaseOptions,
): Promise<Extract<LeaseAnswer, { granted: true }>> {
  const request = { ...asked, ttlMs: LEASE_MS };
  let answer = await workflows.lease({ ...request, evict: dead });
  if (!answer.granted && answer.code === "TG_CONTROL_RUNNING") {
    const { owner: other } = answer.lease;
    if (await hasDied(other, asked.owner)) {
      answer = await workflows.lease({ ...request, evict: other.id });
    }
  }
  if (answer.granted) return answer;
  if (answer.code === "TG_CONTROL_RUNNING") throw controlRunning(plan.pipeline, answer.lease);
  throw changed(plan, answer);
}

/** Whether a process that holds the lease has died, as far as this one can see. */
async function hasDied(holder: Owner, asker: Owner): Promise<boolean> {
  const life = lifeOf(holder, asker);
  return life === "dead" || (life === "by-pid" && !await isAlive(holder.pid));
}

/** Whether a process of this machine runs. */
async function isAlive(pid: number): Promise<boolean> {
  try {
    const { success } = await new Deno.Command("sh", {
      args: ["-c", `kill -0 ${pid} 2>/dev/null || [ -d /proc/${pid} ]`],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).output();
    return success;
  } catch {
    return true;
  }
}

function changed(
  plan: Plan,
  { differences, sameMeaningHelps }: Extract<LeaseAnswer, { code: "TG_DEFINITION_CHANGED" }>,
): TidegateError {
  if (differences.every((line) => line.startsWith("topicId"))) {
    return new TidegateError(
      "TG_TOPIC_RECREATED",
      `Topic ${plan.topic} was deleted and made again: its offsets mean other records now`,
      { next: "Begin a new generation: deno task start --new-generation." },
    );
  }
  const take = sameMeaningHelps === true
    ? "If it means the same for every record, say so: --same-meaning. Else take"
    : "Take";
  return new TidegateError(
    "TG_DEFINITION_CHANGED",
    `The definition of ${plan.pipeline} is not the one its state was made by:\n  ` +
      differences.join("\n  "),
    {
      next: `${take} the change back, give the pipeline another name, or begin a new generation: ` +
        "deno task start --new-generation [--from earliest|latest|ISO].",
    },
  );
}

/** What renewing needs. */
export interface KeeperOptions extends Pick<LeaseOptions, "workflows" | "owner"> {
  /** The generation that was granted. */
  readonly generation: number;
  /** Receives log lines. */
  readonly say: (line: string) => void;
}

/** Renews the lease until it is disposed of; then gives it back. */
export class LeaseKeeper implements AsyncDisposable {
  readonly #options: KeeperOptions;
  readonly #temporal: (problem: string | null) => void;
  readonly #renewing: Loop;
  readonly #lost = Promise.withResolvers<TidegateError>();
  #isBegun = false;

  /** Begins to renew. */
  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#temporal = reachability("Temporal", options.say);
    this.#renewing = new Loop(() => this.#renew());
  }

  /** Whether the lease is this process's, by the supervisor's word. */
  async isOurs(): Promise<boolean> {
    const { workflows, owner, generation } = this.#options;
    const { granted } = await workflows.renew({ ownerId: owner.id, generation, ttlMs: LEASE_MS });
    return granted;
  }

  /** The drain of the generation runs: from now on it is missed when it has ended. */
  begun(): void {
    this.#isBegun = true;
  }

  /** Resolves when another control process holds the lease, or the generation has ended. */
  get lost(): Promise<TidegateError> {
    return this.#lost.promise;
  }

  /** Gives the lease back. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { workflows, owner } = this.#options;
    await deadline(this.#renewing.stop(), LEAVE_MS);
    await workflows.endLease(owner.id);
  }

  async #renew(): Promise<number> {
    const { workflows, generation } = this.#options;
    try {
      if (!await this.isOurs()) {
        const why = "Another control process holds the lease, or the supervisor is gone";
        this.#lost.resolve(new TidegateError("TG_CONTROL_LOST", why));
      } else if (this.#isBegun && !await workflows.generation(generation).runs()) {
        const why = `The drain of generation ${generation} has been ended by somebody`;
        const next = "Begin a new generation: deno task start --new-generation.";
        this.#lost.resolve(new TidegateError("TG_GENERATION_LOST", why, { next }));
      }
      this.#temporal(null);
      return RENEW_MS;
    } catch (error) {
      this.#temporal(errorText(error));
      return RETRY_MS;
    }
  }
}
