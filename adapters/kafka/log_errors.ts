/**
 * The errors that every implementation of the log throws alike.
 *
 * @module
 */

import { TidegateError } from "../../core/errors.ts";
import type { OffsetRange } from "./log.ts";

/** A broker could not be reached, or went away before it answered. */
export function unreachable(
  what: string,
  where: string,
  got: string,
  cause?: unknown,
): TidegateError {
  return new TidegateError(
    "TG_BROKER_UNREACHABLE",
    `Cannot ${what}: the broker ${where} must answer, got ${got}`,
    {
      retryable: true,
      cause,
      next: "Check that the broker runs, that KAFKA_BROKERS names it (host:port), and KAFKA_TLS_*.",
    },
  );
}

/** A call to a client that was closed. */
export function closed(what: string): TidegateError {
  return new TidegateError(
    "TG_BROKER_UNREACHABLE",
    `Cannot ${what}: the client must be open, got a closed one`,
  );
}

/** The broker refuses the credentials or the permission. */
export function refused(what: string, got: string, cause?: unknown): TidegateError {
  return new TidegateError("TG_CONFIG", `Cannot ${what}: the broker must permit it, got ${got}`, {
    cause,
    next: "Check KAFKA_SASL, KAFKA_USERNAME, KAFKA_PASSWORD, KAFKA_TLS_* and the broker's ACLs.",
  });
}

/** A request that the broker understands and won't carry out. */
export function rejected(what: string, got: string, cause?: unknown): TidegateError {
  return new TidegateError("TG_CONFIG", `Cannot ${what}: the broker must accept it, got ${got}`, {
    cause,
    next: "Correct the names, numbers and topic settings of the request.",
  });
}

/** A topic or partition that does not exist. */
export function topicMissing(what: string, topic: string, partition?: number): TidegateError {
  const thing = partition === undefined ? `topic ${topic}` : `partition ${partition} of ${topic}`;
  return new TidegateError("TG_TOPIC_MISSING", `Cannot ${what}: ${thing} must exist, got none`, {
    next: "Create the topic, or correct its name.",
  });
}

/** An offset that is not held (any more), or not yet. */
export function offsetGone(
  what: string,
  offset: number,
  range: OffsetRange,
  retryable = false,
): TidegateError {
  return new TidegateError(
    "TG_OFFSET_GONE",
    `Cannot ${what}: the offset must be in [${range.start}, ${range.end}], got ${offset}`,
    {
      retryable,
      next: "Records were deleted, or the topic was made anew: choose a position to go on from.",
    },
  );
}
