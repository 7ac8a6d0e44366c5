/**
 * A run of a pipeline: its control process, and what its workflows say.
 *
 * @module
 */

import type { PipelineClient } from "../../../adapters/temporal/pipeline_client.ts";
import { gatherAccount } from "../../../cli/account.ts";
import type { Account } from "../../../core/flow/account.ts";
import type { ClockView, DrainView } from "../../../workflows/messages.ts";
import type { TestControl } from "./test_control.ts";
import type { TestPipeline } from "./test_pipeline.ts";
import { until } from "./until.ts";

/** How long one step of a run may take on a busy machine, in ms. */
const STEP_MS = 120_000;

/** A run of a pipeline. */
export class Run {
  /**
   * @param pipeline The pipeline.
   * @param control Its control process.
   * @param workflows Its workflows.
   */
  constructor(
    readonly pipeline: TestPipeline,
    readonly control: TestControl,
    readonly workflows: PipelineClient,
  ) {}

  /** The generation of the pipeline's state. */
  get generation(): number {
    return this.control.generation;
  }

  /** All drains, in the order of partitions. */
  async drains(): Promise<DrainView[]> {
    const { partitions } = await this.clock();
    return await Promise.all(
      partitions.map(([partition]) => this.workflows.drain(this.generation, partition)),
    );
  }

  /** One drain. */
  async drain(partition: number): Promise<DrainView> {
    return await this.workflows.drain(this.generation, partition);
  }

  /** The clock. */
  async clock(): Promise<ClockView> {
    return await this.workflows.clock(this.generation);
  }

  /** The account as it stands. */
  async account(): Promise<Account> {
    return await gatherAccount(this.workflows, this.generation);
  }

  /**
   * Waits until the drains are as wanted.
   *
   * @param what How, for the message.
   * @param test Tells whether they are.
   * @returns The drains.
   */
  async untilDrains(
    what: string,
    test: (drains: readonly DrainView[]) => boolean,
  ): Promise<DrainView[]> {
    let seen: DrainView[] = [];
    return await until(what, async () => {
      if (this.control.lost !== undefined) throw this.control.lost;
      seen = await this.drains();
      return test(seen) ? seen : undefined;
    }, { withinMs: STEP_MS, seen: () => [seen, this.control.said] });
  }

  /** Waits until a number of records has been read, late and invalid ones included. */
  async untilRead(count: number): Promise<DrainView[]> {
    return await this.untilDrains(`${count} records read`, (drains) => readBy(drains) >= count);
  }

  /** Waits until a partition has stopped. */
  async untilStopped(partition: number): Promise<DrainView> {
    const drains = await this.untilDrains(
      `a stop of partition ${partition}`,
      (all) => all.some((drain) => drain.partition === partition && drain.mode === "stopped"),
    );
    return drains.find((drain) => drain.partition === partition) ?? await this.drain(partition);
  }

  /** Waits until no window is open. */
  async untilClosed(): Promise<ClockView> {
    return await this.#untilClock("the last window's end", ({ open }) => open.length === 0);
  }

  /** Waits until a bounded run is at its ends, and what the watermark closes has closed. */
  async untilResting(): Promise<Account> {
    const drains = await this.untilDrains("the end of the run", (all) => all.every(isAtRest));
    const stopped = drains.find((drain) => drain.mode === "stopped");
    if (stopped !== undefined) throw new Error(`a partition stopped: ${JSON.stringify(stopped)}`);
    await this.#untilClock("what the watermark closes", isNothingDue);
    return await this.account();
  }

  /** Waits for the end of a bounded run, closes its windows, and adds the account up. */
  async untilDrained(): Promise<Account> {
    await this.untilResting();
    await this.workflows.flush(this.generation);
    await this.untilClosed();
    return await this.account();
  }

  async #untilClock(what: string, test: (clock: ClockView) => boolean): Promise<ClockView> {
    let seen: ClockView | undefined;
    return await until(what, async () => {
      if (this.control.lost !== undefined) throw this.control.lost;
      seen = await this.clock();
      return test(seen) ? seen : undefined;
    }, { withinMs: STEP_MS, seen: () => [seen, this.control.said] });
  }
}

/** How many records drains have read. */
export function readBy(drains: readonly DrainView[]): number {
  return drains.reduce((sum, drain) => sum + drain.totals.read, 0);
}

function isAtRest(drain: DrainView): boolean {
  if (drain.mode === "stopped" || drain.mode === "excluded") return true;
  return (drain.mode === "parked" || drain.mode === "idle") && drain.inDelivery === 0;
}

function isNothingDue({ open, watermark }: ClockView): boolean {
  const reached = watermark ?? -Infinity;
  return open.every(({ end, final, fired }) => reached < final && (reached < end || fired > 0));
}
