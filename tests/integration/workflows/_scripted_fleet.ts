/**
 * Samples and a launcher as a script, for tests of the supervisor workflow.
 *
 * @module
 */

import { type FleetConfig, fleetSlotsOf } from "../../../core/scaling/fleet.ts";
import { isMaterial } from "../../../core/scaling/policy.ts";
import type { FleetSample } from "../../../core/scaling/state.ts";
import type {
  ControlActivities,
  SampleAnswer,
  SampleRequest,
  ScaleRequest,
} from "../../../workflows/activities.ts";
import { until } from "../_support/until.ts";

/**
 * What a control process says of its fleet.
 *
 * @param ownerId The holder of the lease.
 * @param changes What differs from a usual one.
 */
export function fleetConfig(ownerId: string, changes: Partial<FleetConfig> = {}): FleetConfig {
  return {
    ownerId,
    min: 0,
    max: 4,
    workers: null,
    idleToZeroMs: 60_000,
    circulationMs: 2_000,
    searchAttributes: true,
    ...changes,
  };
}

/** A load that a test sets, and workers that are ready as soon as they are wanted. */
export class ScriptedFleet {
  /** All that the launcher was told. */
  readonly told: ScaleRequest[] = [];
  /** How often the load was looked at. */
  looks = 0;
  /** What is wrong with workers. */
  problems: readonly string[] = [];
  /** Fails that many looks. */
  failing = 0;
  /** Whether a look that does not matter is answered at once. */
  eager = false;
  #load = { cursor: 0, end: 0 };
  #wakes: (() => void)[] = [];

  /** The activities. */
  activities(): Pick<ControlActivities, "sampleFleet" | "scaleFleet"> {
    return {
      sampleFleet: (request) => this.#sample(request),
      scaleFleet: (request) => {
        this.told.push(request);
        return Promise.resolve();
      },
    };
  }

  /** The number that the launcher was told last. */
  get desired(): number {
    return this.told.at(-1)?.desired ?? 0;
  }

  /** Sets the load; ends the look at hand. */
  load(cursor: number, end: number): void {
    this.#load = { cursor, end };
    this.#wakes.splice(0).forEach((wake) => wake());
  }

  /** Waits until the launcher was told a number. */
  async untilTold(desired: number): Promise<void> {
    await until(`${desired} workers`, () => this.desired === desired || undefined, {
      seen: () => this.told,
    });
  }

  async #sample({ looks, settings }: SampleRequest): Promise<SampleAnswer> {
    this.looks += 1;
    if (this.failing > 0) {
      this.failing -= 1;
      throw new Error("the look has failed");
    }
    const { policy: state } = looks;
    const now = this.#take(state.atMs);
    const untold = state.desired !== this.desired;
    if (!untold && !this.eager && !isMaterial(state, now, settings)) await this.#woken();
    const ready = Array.from(
      { length: this.desired },
      (_, slot) => ({ slot, state: "ready", restarts: 0, problem: null }) as const,
    );
    const slots = {
      ...fleetSlotsOf({ desired: this.desired, slots: ready }),
      problems: this.problems,
    };
    return { looks, sample: this.#take(state.atMs), slots };
  }

  #take(afterMs: number | null): FleetSample {
    return {
      atMs: Math.max(Date.now(), (afterMs ?? 0) + 1),
      partitions: [{ partition: 0, ...this.#load }],
      inFlight: 0,
      workerRate: 12,
      ready: this.desired,
      starting: 0,
      draining: 0,
      startupMs: null,
    };
  }

  /** Until a load is set; a worker that stops ends it too. */
  async #woken(): Promise<void> {
    const { Context } = await import("@temporalio/activity");
    const { cancellationSignal } = Context.current();
    await new Promise<void>((resolve) => {
      this.#wakes.push(resolve);
      cancellationSignal.addEventListener("abort", () => resolve());
    });
  }
}
