/**
 * A stand-in for a drain towards the clock.
 *
 * @module
 */

import type { WindowClient } from "../../../adapters/temporal/window_client.ts";
import { TidegateError } from "../../../core/errors.ts";
import type { Report, ReportAnswer } from "../../../core/flow/pipeline_clock.ts";

/** More tries than a moment takes. */
const MAX_TRIES = 10;

/** Reports to the clock as the drain of a partition does. */
export class Reporter {
  #seq = 0;
  readonly #port: WindowClient;
  readonly #clockId: string;
  readonly #partition: number;

  /**
   * @param port The calls of the Temporal server.
   * @param clockId The clock.
   * @param partition The partition.
   */
  constructor(port: WindowClient, clockId: string, partition: number) {
    this.#port = port;
    this.#clockId = clockId;
    this.#partition = partition;
  }

  /** Takes part, from a watermark on. */
  join(watermark: number | null = null): Promise<ReportAnswer> {
    return this.send("join", watermark);
  }

  /** Tells of a watermark, after delivering to windows. */
  advance(watermark: number, ...starts: readonly number[]): Promise<ReportAnswer> {
    return this.send("advance", watermark, starts);
  }

  /**
   * Sends a report, again and again as the drain's local activity does: a clock that continues as
   * new at that moment refuses it once.
   *
   * @param kind What is said.
   * @param watermark The partition's watermark.
   * @param starts The windows delivered to.
   * @param seq Its number; the next one if left out.
   */
  async send(
    kind: Report["kind"],
    watermark: number | null,
    starts: readonly number[] = [],
    seq: number = ++this.#seq,
  ): Promise<ReportAnswer> {
    const opened = starts.map((start) => ({ start, shard: 0 }));
    const partition = this.#partition;
    const firstEventTime = watermark;
    const report = { partition, seq, kind, watermark, firstEventTime, opened };
    for (let tries = 1;; tries++) {
      try {
        return await this.#port.report(this.#clockId, report);
      } catch (error) {
        if (tries === MAX_TRIES || error instanceof TidegateError) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50 * tries));
      }
    }
  }
}
