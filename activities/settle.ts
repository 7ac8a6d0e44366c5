/**
 * The activity `settle`: makes the drain's calls of some windows, makes rows of what they answer, and
 * has these written. Each call goes its own way: no window waits for another.
 *
 * @module
 */

import type { RowsWriter } from "../adapters/kafka/rows_writer.ts";
import type { WindowCalls } from "../adapters/temporal/window_calls.ts";
import { errorText, TidegateError } from "../core/errors.ts";
import type {
  CallAnswer,
  SettleOutcome,
  SettleRequest,
  WindowCall,
} from "../core/flow/delivery.ts";
import { rowRecordKey, rowsOf } from "../core/flow/row.ts";
import type { RunPlan } from "../core/plan.ts";
import type { PipelineObserver } from "./observer.ts";

/** What settling needs. */
export interface SettleDeps {
  /** Calls windows. */
  readonly windows: WindowCalls;
  /** Writes rows. */
  readonly rows: Pick<RowsWriter, "write">;
  /**
   * Is told of rows that are written.
   * @default nobody
   */
  readonly observer?: Pick<Required<PipelineObserver>, "emitted">;
}

/** Makes the calls and answers what became of each, in their order. */
export async function settle(
  deps: SettleDeps,
  request: SettleRequest & { readonly plan: RunPlan },
): Promise<SettleOutcome[]> {
  const ended = await Promise.allSettled(
    request.calls.map((call) => settleOne(deps, request, call)),
  );
  return ended.map((one) => {
    // The call may have been taken: the whole activity is tried again, and all answer the same.
    if (one.status === "rejected") throw one.reason;
    return one.value;
  });
}

async function settleOne(
  { windows, rows: writer, observer }: SettleDeps,
  { plan, generation }: SettleRequest & { readonly plan: RunPlan },
  windowCall: WindowCall,
): Promise<SettleOutcome> {
  const { start, shard, call: { n } } = windowCall;
  const answer = await windows.call({ plan, generation }, windowCall);
  const outcome = outcomeOf(windowCall, answer);
  if (answer.kind !== "emitted") return outcome;
  const { head, cells } = answer;
  const rows = rowsOf(plan, { generation, windowStart: start, ...head }, cells);
  try {
    const end = await writer.write({
      window: `${start}/${shard}`,
      revision: head.revision,
      records: rows.map((row) => ({ key: rowRecordKey(row), value: JSON.stringify(row) })),
    });
    if (end === "written") observer?.emitted({ start, shard, rows, final: head.final });
    return outcome;
  } catch (error) {
    const problem = error instanceof TidegateError ? error.code : errorText(error);
    return { ...outcome, n, end: "taken", problem };
  }
}

function outcomeOf({ start, shard, call: { n } }: WindowCall, answer: CallAnswer): SettleOutcome {
  const { pairs, bytes } = answer;
  const head = answer.kind === "emitted" ? answer.head : null;
  return {
    start,
    shard,
    n,
    pairs,
    bytes,
    end: answer.kind === "emitted" || answer.kind === "taken" ? "written" : answer.kind,
    revision: head?.revision ?? null,
    final: head?.final ?? false,
    rows: answer.kind === "emitted" ? answer.cells.length : 0,
    problem: null,
  };
}
