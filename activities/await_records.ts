/**
 * Waits for records of a caught-up partition, in the control process: no worker is held while there
 * is nothing to do.
 *
 * @module
 */

import { setTimeout as sleep } from "node:timers/promises";
import { ApplicationFailure, Context } from "@temporalio/activity";
import type { FetchResult, LogReader } from "../adapters/kafka/log.ts";
import type { AwaitAnswer, AwaitRequest } from "../core/flow/slice.ts";
import type { ControlActivities } from "../workflows/activities.ts";
import { refuseRecreated } from "./recreated.ts";
import { type ControlTools, named } from "./activity.ts";

/** One long poll lasts at most this long, in ms, so that a look can be ended. */
const POLL_MS = 5_000;

/** What waiting needs. */
export interface AwaitDeps {
  /** The log. */
  readonly reader: LogReader;
  /** The wall clock, epoch ms. */
  readonly now: () => number;
  /** Resolves after some ms, or rejects when the signal is aborted. */
  readonly delay: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Ends the wait. */
  readonly signal: AbortSignal;
  /** Which attempt this is, from 1. */
  readonly attempt: number;
}

/**
 * Waits until there are records at the cursor and the pace, or one of the early moments, lets them
 * be answered; or until it has looked long enough. A long poll at the cursor beats polling: the
 * first record ends it.
 *
 * @param deps What waiting needs.
 * @param request The partition, the cursor and the pace.
 * @returns What was found.
 * @throws {TidegateError} `TG_OFFSET_GONE`, `TG_TOPIC_MISSING`, `TG_TOPIC_RECREATED`, or a retryable
 * one while the broker can't be reached.
 */
export async function awaitRecords(deps: AwaitDeps, request: AwaitRequest): Promise<AwaitAnswer> {
  const { now, attempt } = deps;
  const startedMs = now();
  const answer = (end: number): AwaitAnswer => ({
    kind: "records",
    end,
    lookedMs: now() - startedMs,
    early: now() < request.notBeforeMs,
    attempt,
  });
  await refuseRecreated(deps.reader, request);
  for (;;) {
    const moment = Math.min(request.earlyAtMs[0] ?? Infinity, request.notBeforeMs);
    if (moment > now()) await deps.delay(moment - now(), deps.signal);
    const quietAtMs = Math.max(startedMs + request.quietMs, request.notBeforeMs);
    const waitMs = Math.max(0, Math.min(POLL_MS, quietAtMs - now()));
    const found = await look(deps, request, waitMs);
    if (found.end > request.cursor) return answer(found.end);
    if (now() >= quietAtMs) {
      return { kind: "quiet", lookedMs: now() - startedMs, attempt };
    }
  }
}

function look(deps: AwaitDeps, request: AwaitRequest, maxWaitMs: number): Promise<FetchResult> {
  const { topic, partition, cursor: from } = request;
  const { signal } = deps;
  return deps.reader.fetch({ topic, partition, from, maxBytes: 1, maxWaitMs, signal });
}

/** How often a waiting activity says that it is alive, in ms. */
const HEARTBEAT_MS = 3_000;

/** The activity: observers are told before it waits, and after. */
export function createAwaitRecords(
  { reader, observer }: Pick<ControlTools, "reader" | "observer">,
): ControlActivities["awaitRecords"] {
  return async (request) => {
    const context = Context.current();
    const beat = setInterval(() => context.heartbeat(), HEARTBEAT_MS);
    const { partition } = request;
    let answer: AwaitAnswer | null = null;
    try {
      observer.awaiting(partition, request.cursor);
      const { cancellationSignal: signal, info: { attempt } } = context;
      const delay = (ms: number) => sleep(ms, undefined, { signal });
      answer = await named(() =>
        awaitRecords({ reader, now: Date.now, delay, signal, attempt }, request)
      );
      observer.broker(null);
      return answer;
    } catch (error) {
      if (error instanceof ApplicationFailure && error.type === "TG_BROKER_UNREACHABLE") {
        observer.broker(error.message);
      }
      throw error;
    } finally {
      clearInterval(beat);
      observer.awaited(partition, answer);
    }
  };
}
