/**
 * Kafka's error codes, and what the Kafka clients throw turned into Tidegate's errors.
 *
 * @module
 */

import { TidegateError } from "../core/errors.ts";
import { refused, rejected, topicMissing, unreachable } from "./_log_errors.ts";

/** Kafka's error codes that the adapters act on. */
export const KafkaCode = {
  OFFSET_OUT_OF_RANGE: 1,
  UNKNOWN_TOPIC_OR_PARTITION: 3,
  LEADER_NOT_AVAILABLE: 5,
  INVALID_TOPIC_EXCEPTION: 17,
  TOPIC_AUTHORIZATION_FAILED: 29,
  CLUSTER_AUTHORIZATION_FAILED: 31,
  GROUP_ID_NOT_FOUND: 69,
  UNKNOWN_TOPIC_ID: 100,
} as const;

/**
 * Codes after which the leader is asked anew and the request repeated: the topic's leader or id has
 * changed, or the broker is not ready yet.
 */
const STALE_CODES: ReadonlySet<number> = new Set([
  KafkaCode.UNKNOWN_TOPIC_OR_PARTITION,
  KafkaCode.LEADER_NOT_AVAILABLE,
  6, // NOT_LEADER_OR_FOLLOWER
  7, // REQUEST_TIMED_OUT
  8, // BROKER_NOT_AVAILABLE
  9, // REPLICA_NOT_AVAILABLE
  13, // NETWORK_EXCEPTION
  56, // KAFKA_STORAGE_ERROR
  74, // FENCED_LEADER_EPOCH
  75, // UNKNOWN_LEADER_EPOCH
  78, // OFFSET_NOT_AVAILABLE
  KafkaCode.UNKNOWN_TOPIC_ID,
  103, // INCONSISTENT_TOPIC_ID
  106, // FETCH_SESSION_TOPIC_ID_ERROR
]);

/** Whether a Kafka error code is cured by fresh metadata and a repetition. */
export function isStale(code: number): boolean {
  return STALE_CODES.has(code);
}

/** An error code that a broker answered, before it is turned into one of Tidegate's errors. */
export class BrokerAnswer extends Error {
  /** The class name, kept for logs. */
  override readonly name = "BrokerAnswer";
  /** Kafka's error code. */
  readonly code: number;

  /** @param code Kafka's error code. */
  constructor(code: number) {
    super(`error code ${code} from the broker`);
    this.code = code;
  }
}

/**
 * Turns what kafkajs or @platformatic/kafka throws into one of Tidegate's errors.
 *
 * @param error What was thrown.
 * @param what What was being done: "write to clicks".
 * @param brokers The brokers asked, for messages.
 * @param topic The topic at hand, if any.
 * @returns The error to throw instead.
 */
export function fromClient(
  error: unknown,
  what: string,
  brokers: readonly string[],
  topic?: string,
): TidegateError {
  const errors = chain(error);
  for (const it of errors) if (it instanceof TidegateError) return it;
  const types = errors.map((it) => {
    // kafkajs: type; @platformatic/kafka: apiId, or only a code for its own errors.
    const type: unknown = Reflect.get(it, "type") ?? Reflect.get(it, "apiId") ??
      Reflect.get(it, "code");
    return `${it.name} ${typeof type === "string" ? type : ""}`;
  });
  const has = (pattern: RegExp): boolean => types.some((type) => pattern.test(type));
  const got = innermost(errors)?.message ?? String(error);
  if (topic !== undefined && has(/UNKNOWN_TOPIC_OR_PARTITION|MetadataNotLoaded/)) {
    return topicMissing(what, topic);
  }
  if (has(/SASL|PLT_KFK_AUTHENTICATION|AUTHORIZATION_FAILED/)) return refused(what, got, error);
  if (has(/INVALID_|POLICY_VIOLATION|TOO_LARGE|UNSUPPORTED|UNKNOWN_MEMBER_ID|NON_EMPTY_GROUP/)) {
    return rejected(what, got, error);
  }
  return unreachable(what, brokers.join(","), got, error);
}

/** What an error says in the end: clients wrap "connection refused" several times. */
export function reason(error: unknown): string {
  return innermost(chain(error))?.message ?? String(error);
}

/** An error with all that it wraps, outermost first: causes and the parts of aggregates. */
function chain(error: unknown, depth = 0): Error[] {
  if (!(error instanceof Error) || depth > 8) return [];
  const parts: unknown = Reflect.get(error, "errors");
  const inner: unknown[] = [error.cause, ...(Array.isArray(parts) ? parts : [])];
  return [error, ...inner.flatMap((it) => chain(it, depth + 1))];
}

function innermost(errors: readonly Error[]): Error | undefined {
  return errors.findLast((error) => error.message !== "");
}
