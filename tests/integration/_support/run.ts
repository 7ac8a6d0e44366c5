/**
 * A run of a pipeline: its control process, and what its workflows say.
 *
 * @module
 */

import type { GenerationClient } from "../../../adapters/temporal/generation_client.ts";
import type { PipelineClient } from "../../../adapters/temporal/pipeline_client.ts";
import type { LogReader } from "../../../adapters/kafka/log.ts";
import { auditGeneration } from "../../../cli/audit.ts";
import type { Audit } from "../../../core/flow/audit.ts";
import type { DrainPartition } from "../../../core/flow/dealing.ts";
import type { GenerationView } from "../../../workflows/messages.ts";
import type { TestControl } from "./test_control.ts";
import type { TestPipeline } from "./test_pipeline.ts";
import { until } from "./until.ts";

/** How long one step of a run may take on a busy machine, in ms. */
const STEP_MS = 120_000;

/** A run of a pipeline. */
export class Run {
  /** The drain and the windows of its generation. */
  readonly drain: GenerationClient;

  /**
   * @param pipeline The pipeline.
   * @param control Its control process.
   * @param workflows Its workflows.
   * @param reader Reads topics.
   */
  constructor(
    readonly pipeline: TestPipeline,
    readonly control: TestControl,
    readonly workflows: PipelineClient,
    readonly reader: LogReader,
  ) {
    this.drain = workflows.generation(control.generation);
  }

  /** The generation of the pipeline's state. */
  get generation(): number {
    return this.control.generation;
  }

  /** One consistent look at the generation. */
  async view(): Promise<GenerationView> {
    return await this.drain.view();
  }

  /** One partition. */
  async partition(partition: number): Promise<DrainPartition> {
    const found = (await this.view()).partitions.find((p) => p.partition === partition);
    if (found === undefined) throw new Error(`there is no partition ${partition}`);
    return found;
  }

  /** The account as it stands. */
  async account(): Promise<Audit> {
    const { drain, reader, generation } = this;
    return await auditGeneration({ drain, reader, generation }, this.pipeline.plan);
  }

  /**
   * Waits until the generation is as wanted.
   *
   * @param what How, for the message.
   * @param test Tells whether it is.
   * @returns The look at which it was.
   */
  async untilView(
    what: string,
    test: (view: GenerationView) => boolean,
  ): Promise<GenerationView> {
    let seen: GenerationView | undefined;
    return await until(what, async () => {
      if (this.control.lost !== undefined) throw this.control.lost;
      seen = await this.view();
      return test(seen) ? seen : undefined;
    }, { withinMs: STEP_MS, seen: () => [seen, this.control.said] });
  }

  /** Waits until a number of records has been read, late and invalid ones included. */
  async untilRead(count: number): Promise<GenerationView> {
    return await this.untilView(`${count} records read`, (view) => readBy(view) >= count);
  }

  /** Waits until a partition has stopped. */
  async untilStopped(partition: number): Promise<DrainPartition> {
    await this.untilView(
      `a stop of partition ${partition}`,
      ({ partitions }) => partitions.some((p) => p.partition === partition && p.mode === "stopped"),
    );
    return await this.partition(partition);
  }

  /** Waits until no window is open. */
  async untilClosed(): Promise<GenerationView> {
    return await this.untilView("the last window's end", ({ openWindows }) => openWindows === 0);
  }

  /** Waits until a bounded run is at its ends, and what the watermark closes has closed. */
  async untilResting(): Promise<Audit> {
    const { partitions } = await this.untilView("the end of the run", ({ drained }) => drained);
    const stopped = partitions.find(({ mode }) => mode === "stopped");
    if (stopped !== undefined) throw new Error(`a partition stopped: ${JSON.stringify(stopped)}`);
    return await this.account();
  }

  /** Waits for the end of a bounded run, closes its windows, and adds the account up. */
  async untilDrained(): Promise<Audit> {
    await this.untilResting();
    await this.drain.flush();
    await this.untilClosed();
    return await this.account();
  }
}

/** How many records have been read. */
export function readBy({ partitions }: Pick<GenerationView, "partitions">): number {
  return partitions.reduce((sum, { totals }) => sum + totals.read, 0);
}
