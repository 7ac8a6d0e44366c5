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
import { controlRunning } from "../../core/flow/lease.ts";
import type { Fingerprint, Plan } from "../../core/plan.ts";

/** A lease lasts this long unless it is renewed, in ms. */
const LEASE_MS = 120_000;
/** How often it is renewed, in ms. */
const RENEW_MS = 40_000;
/** After a renewal that failed, in ms. */
const RETRY_MS = 5_000;
/** How long the end waits for a renewal under way, in ms. */
const LEAVE_MS = 2_000;

/** A control process. */
export interface OwnerId {
  /** Its machine. */
  readonly host: string;
  /** Its process id. */
  readonly pid: number;
  /** Tells it from others of the same number. */
  readonly id: string;
}

/** What the lease is asked with. */
export interface LeaseOptions {
  /** The pipeline's workflows. */
  readonly workflows: PipelineClient;
  /** The pipeline's plan. */
  readonly plan: Plan;
  /** Who asks. */
  readonly owner: OwnerId;
  /** The definition that the state is made by. */
  readonly fingerprint: Fingerprint;
}

/**
 * Takes the lease of a pipeline, also from a process of this machine that has died.
 *
 * @param newGeneration Whether to begin a new generation.
 * @returns The generation.
 * @throws {TidegateError} `TG_CONTROL_RUNNING`, `TG_TOPIC_RECREATED`, `TG_DEFINITION_CHANGED`
 */
export async function takeLease(
  { workflows, plan, owner, fingerprint }: LeaseOptions,
  newGeneration: boolean,
): Promise<number> {
  const used = await workflows.lastGeneration();
  const ask = (evict: string | null) =>
    workflows.lease({
      used,
      owner,
      ttlMs: LEASE_MS,
      fingerprint,
      newGeneration,
      evict,
    });
  let answer = await ask(null);
  if (!answer.granted && answer.code === "TG_CONTROL_RUNNING") {
    const { owner: other } = answer.lease;
    if (other.host === owner.host && !(await isAlive(other.pid))) answer = await ask(other.id);
  }
  if (answer.granted) return answer.generation;
  if (answer.code === "TG_CONTROL_RUNNING") {
    throw controlRunning(plan.pipeline, answer.lease);
  }
  if (answer.differences.every((line) => line.startsWith("topicId"))) {
    throw new TidegateError(
      "TG_TOPIC_RECREATED",
      `Topic ${plan.topic} was deleted and made again: its offsets mean other records now`,
      { next: "Begin a new generation: deno task start --new-generation." },
    );
  }
  throw new TidegateError(
    "TG_DEFINITION_CHANGED",
    `The definition of ${plan.pipeline} is not the one its state was made by:\n  ` +
      answer.differences.join("\n  "),
    {
      next: "Take the change back, give the pipeline another name, or begin a new generation: " +
        "deno task start --new-generation [--from earliest|latest|ISO].",
    },
  );
}

/** Whether a process of this machine runs. */
async function isAlive(pid: number): Promise<boolean> {
  try {
    const { success } = await new Deno.Command("ps", {
      args: ["-p", String(pid)],
      stdout: "null",
      stderr: "null",
    }).output();
    return success;
  } catch {
    return true;
  }
}

/** Renews the lease until it is disposed of; then gives it back. */
export class LeaseKeeper implements AsyncDisposable {
  readonly #options: LeaseOptions & { readonly generation: number };
  readonly #temporal: (problem: string | null) => void;
  readonly #renewing: Loop;
  readonly #lost = Promise.withResolvers<TidegateError>();
  #isBegun = false;

  /**
   * Begins to renew.
   *
   * @param say Receives log lines.
   */
  constructor(
    options: LeaseOptions & { readonly generation: number },
    say: (line: string) => void,
  ) {
    this.#options = options;
    this.#temporal = reachability("Temporal", say);
    this.#renewing = new Loop(() => this.#renew(), undefined);
  }

  /** Whether the lease is this process's, by the supervisor's word. */
  async isOurs(): Promise<boolean> {
    const { workflows, owner, fingerprint } = this.#options;
    const request = { owner, ttlMs: LEASE_MS, fingerprint, newGeneration: false, evict: null };
    return (await workflows.lease(request)).granted;
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
        const why = "Another control process holds the lease";
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
