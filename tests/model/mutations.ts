/**
 * What the model must notice: each takes one rule out. Nothing of core is changed; a rule is
 * sidestepped by a subclass or by other wiring.
 *
 * @module
 */

import { PipelineClock } from "../../core/flow/pipeline_clock.ts";
import { type FoldOutcome, type Partial, WindowState } from "../../core/flow/window_state.ts";

/** The rules that can be taken out. */
export const MUTATIONS = [
  /** A partition that joins takes no floor. */
  "floor",
  /** A drain waits for its deliveries before it reports. */
  "deliver-before-report",
  /** A window counts a partial once, however often it is delivered. */
  "from-to",
  /** The clock ignores reports that are not newer. */
  "seq-fence",
  /** The number of a report grows with the time of the workflow task. */
  "seq-time",
  /** The clock tells windows of a watermark only when that is durable. */
  "durable-watermark",
] as const;

/** One rule that is taken out. */
export type Mutation = (typeof MUTATIONS)[number];

/** A window without the from/to rule: every partial looks like the next one. */
export class CountingWindow extends WindowState {
  override fold(partial: Partial): FoldOutcome {
    const last = this.lastTo.find(([partition]) => partition === partial.partition)?.[1] ?? 0;
    const from = Math.max(last, partial.to);
    return super.fold({ ...partial, from, to: from + 1 });
  }
}

/** A clock without the seq fence. */
export class TrustingClock extends PipelineClock {
  override isNew(): boolean {
    return true;
  }
}
