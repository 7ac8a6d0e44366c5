/**
 * Workers as the pods of a Kubernetes Deployment: sets its number of replicas by `/scale` and reads
 * back how many are ready. What keeps a pod alive, and starts a failed one again, is the cluster.
 *
 * @module
 */

import { TidegateError } from "../../core/errors.ts";
import { median } from "../../core/scaling/slots.ts";
import { Loop } from "../loop.ts";
import {
  type ClusterAccess,
  DeploymentScale,
  type DeploymentView,
  Refusal,
} from "./kubernetes_scale.ts";
import { type Launcher, workerCount, type WorkerSlot, type WorkerTimes } from "./launcher.ts";

/** How often the Deployment is looked at while it is as it should be, in ms. */
const CALM_MS = 10_000;
/** How often while its pods come or go, in ms. */
const MOVING_MS = 1_000;
/** The first pause after a failure, in ms; each is twice the one before. */
const FIRST_PAUSE_MS = 1_000;
/** The longest such pause, and the pause after a refusal that somebody must mend, in ms. */
const LONGEST_PAUSE_MS = 30_000;
/** So often in a row it is tried again at once when the Deployment has changed meanwhile. */
const STALE_TRIES = 5;
/** As many start-up times are kept. */
const TIMES_KEPT = 20;

/** What the launcher needs. */
export interface KubernetesLauncherOptions {
  /** How to reach the API server. */
  readonly access: ClusterAccess;
  /** The Deployment of the workers. */
  readonly deployment: string;
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
 * Makes a launcher of pods. It asks at once whether it may read and scale the Deployment, so that
 * missing rights are found at the start and not at the first load.
 *
 * Its slots are counts and not pods: of the pods wanted, so many are ready and the others starting,
 * and what there is beyond is draining. It replaces none: a pod that hangs fails its liveness probe.
 * `stop` leaves the pods.
 *
 * @param options What it needs.
 * @returns The launcher.
 * @throws {TidegateError} `TG_CONFIG` naming the missing right or Deployment; `TG_KUBERNETES`,
 * retryable, if the API server is busy or away.
 */
export async function createKubernetesLauncher(
  options: KubernetesLauncherOptions,
): Promise<Launcher> {
  const scale = new DeploymentScale(options.access, options.deployment);
  try {
    const view = await scale.read();
    await scale.scale(view.wanted, view.version, true);
    return new KubernetesLauncher(options, scale, view);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (error.kind === "stale") return await createKubernetesLauncher(options);
    const lasting = error.kind === "lasting";
    throw new TidegateError(
      lasting ? "TG_CONFIG" : "TG_KUBERNETES",
      `Cannot scale ${options.deployment}: ${error.message}`,
      {
        retryable: !lasting,
        cause: error,
        next: "See deploy/kubernetes/ for the Deployment and the Role it needs.",
      },
    );
  }
}

class KubernetesLauncher implements Launcher {
  readonly #options: KubernetesLauncherOptions;
  readonly #scale: DeploymentScale;
  readonly #loop: Loop;
  readonly #startupsMs: number[] = [];
  #view: DeploymentView;
  #desired: number;
  /** What this launcher last set; null before the first time. */
  #set: number | null = null;
  /** The start-up that is being timed. */
  #growing: { readonly to: number; readonly sinceMs: number } | null = null;
  #failures = 0;
  #problem: string | null = null;
  #foreign: number | null = null;

  constructor(options: KubernetesLauncherOptions, scale: DeploymentScale, view: DeploymentView) {
    this.#options = options;
    this.#scale = scale;
    this.#view = view;
    this.#desired = view.wanted;
    this.#loop = new Loop(() => this.#step(), options.pause);
  }

  get desired(): number {
    return this.#desired;
  }

  get slots(): readonly WorkerSlot[] {
    const { pods, ready } = this.#view;
    return Array.from({ length: Math.max(this.#desired, pods) }, (_, slot) => ({
      slot,
      state: slot >= this.#desired ? "draining" : slot < ready ? "ready" : "starting",
      pid: null,
      identity: null,
      restarts: 0,
      problem: slot < ready ? null : this.#problem,
    }));
  }

  get times(): WorkerTimes {
    return { startupMs: median(this.#startupsMs), drainMs: null };
  }

  want(desired: number): void {
    workerCount(desired);
    if (this.#loop.stopped || desired === this.#desired) return;
    this.#desired = desired;
    this.#options.onChange?.();
    this.#loop.wake();
  }

  replace(): boolean {
    return false;
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /** Reads the Deployment, and scales it if it is not as wanted; gives the time to the next look. */
  async #step(): Promise<number> {
    const before = JSON.stringify(this.slots);
    const nextMs = await this.#reconcile();
    if (JSON.stringify(this.slots) !== before) this.#options.onChange?.();
    return nextMs;
  }

  async #reconcile(): Promise<number> {
    try {
      for (let tries = 1;; tries++) {
        try {
          await this.#readAndScale();
          break;
        } catch (error) {
          const again = error instanceof Refusal && error.kind === "stale" && tries < STALE_TRIES;
          if (!again) throw error;
        }
      }
      if (this.#problem !== null) this.#options.say(`${this.#options.deployment} is scaled again`);
      this.#failures = 0;
      this.#problem = null;
      return this.#isSettled() ? CALM_MS : MOVING_MS;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return this.#failed(error);
    }
  }

  async #readAndScale(): Promise<void> {
    const view = await this.#scale.read();
    this.#view = view;
    this.#time(view);
    const desired = this.#desired;
    this.#noticeOthers(view, desired);
    if (view.wanted === desired) {
      this.#set ??= desired;
      return;
    }
    await this.#scale.scale(desired, view.version);
    this.#growing = desired > view.ready ? { to: desired, sinceMs: performance.now() } : null;
    this.#set = desired;
    this.#view = { ...view, wanted: desired };
  }

  #time({ ready }: DeploymentView): void {
    if (this.#growing === null || ready < this.#growing.to) return;
    this.#startupsMs.push(performance.now() - this.#growing.sinceMs);
    if (this.#startupsMs.length > TIMES_KEPT) this.#startupsMs.shift();
    this.#growing = null;
  }

  /** Two writers undo each other's work for ever; a person must choose one. */
  #noticeOthers({ wanted }: DeploymentView, desired: number): void {
    const isOther = this.#set !== null && wanted !== this.#set && wanted !== desired;
    if (isOther && wanted !== this.#foreign) {
      const { deployment, say } = this.#options;
      say(
        `somebody else has scaled Deployment ${deployment} to ${wanted}, and it is set back to ` +
          `${desired}: only one may scale it. Remove its autoscaler (HPA, KEDA), or set ` +
          "TIDEGATE_LAUNCHER=external",
      );
    }
    this.#foreign = isOther ? wanted : this.#foreign;
  }

  #isSettled(): boolean {
    const { wanted, pods, ready } = this.#view;
    return wanted === this.#desired && pods === wanted && ready === wanted;
  }

  #failed({ kind, message, retryAfterMs }: Refusal): number {
    if (message !== this.#problem) this.#options.say(`cannot scale the workers: ${message}`);
    this.#problem = message;
    this.#failures++;
    if (kind === "lasting") return LONGEST_PAUSE_MS;
    const doubled = FIRST_PAUSE_MS * 2 ** Math.min(this.#failures - 1, 10);
    // Half of it is random, so that many clients don't come back together.
    const pause = Math.min(doubled, LONGEST_PAUSE_MS) * (0.5 + Math.random() / 2);
    return Math.max(pause, retryAfterMs ?? 0);
  }
}
