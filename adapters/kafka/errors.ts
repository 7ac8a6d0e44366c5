/**
 * Kafka's error codes, and what the Kafka clients throw turned into Tidegate's errors.
 *
 * @module
 */

import { TidegateError } from "../../core/errors.ts";
import { refused, rejected, topicMissing, unreachable } from "./log_errors.ts";

/** Kafka's error codes that the adapters act on. */
export const KafkaCode = {
  OFFSET_OUT_OF_RANGE: 1,
  UNKNOWN_TOPIC_OR_PARTITION: 3,
  LEADER_NOT_AVAILABLE: 5,
  NOT_LEADER_OR_FOLLOWER: 6,
  REQUEST_TIMED_OUT: 7,
  BROKER_NOT_AVAILABLE: 8,
  REPLICA_NOT_AVAILABLE: 9,
  NETWORK_EXCEPTION: 13,
  COORDINATOR_LOAD_IN_PROGRESS: 14,
  COORDINATOR_NOT_AVAILABLE: 15,
  NOT_COORDINATOR: 16,
  INVALID_TOPIC_EXCEPTION: 17,
  ILLEGAL_GENERATION: 22,
  INVALID_GROUP_ID: 24,
  UNKNOWN_MEMBER_ID: 25,
  REBALANCE_IN_PROGRESS: 27,
  TOPIC_AUTHORIZATION_FAILED: 29,
  GROUP_AUTHORIZATION_FAILED: 30,
  CLUSTER_AUTHORIZATION_FAILED: 31,
  ILLEGAL_SASL_STATE: 34,
  KAFKA_STORAGE_ERROR: 56,
  GROUP_ID_NOT_FOUND: 69,
  FENCED_LEADER_EPOCH: 74,
  UNKNOWN_LEADER_EPOCH: 75,
  OFFSET_NOT_AVAILABLE: 78,
  UNKNOWN_TOPIC_ID: 100,
  INCONSISTENT_TOPIC_ID: 103,
  FETCH_SESSION_TOPIC_ID_ERROR: 106,
} as const;

/**
 * Codes after which leader or coordinator are asked anew and the request is repeated: it has moved,
 * the topic's id has changed, or the broker is not ready yet.
 */
const STALE: ReadonlySet<number> = new Set([
  KafkaCode.UNKNOWN_TOPIC_OR_PARTITION,
  KafkaCode.LEADER_NOT_AVAILABLE,
  KafkaCode.NOT_LEADER_OR_FOLLOWER,
  KafkaCode.REQUEST_TIMED_OUT,
  KafkaCode.BROKER_NOT_AVAILABLE,
  KafkaCode.REPLICA_NOT_AVAILABLE,
  KafkaCode.NETWORK_EXCEPTION,
  KafkaCode.COORDINATOR_LOAD_IN_PROGRESS,
  KafkaCode.COORDINATOR_NOT_AVAILABLE,
  KafkaCode.NOT_COORDINATOR,
  // A request that got between the two halves of the renewal of a SASL session.
  KafkaCode.ILLEGAL_SASL_STATE,
  KafkaCode.KAFKA_STORAGE_ERROR,
  KafkaCode.FENCED_LEADER_EPOCH,
  KafkaCode.UNKNOWN_LEADER_EPOCH,
  KafkaCode.OFFSET_NOT_AVAILABLE,
  KafkaCode.UNKNOWN_TOPIC_ID,
  KafkaCode.INCONSISTENT_TOPIC_ID,
  KafkaCode.FETCH_SESSION_TOPIC_ID_ERROR,
]);

/** Names of errors that are as wrong the next time. */
const REJECTED = new RegExp(
  "INVALID_(CONFIG|GROUP_ID|PARTITIONS|RECORD|REPLICATION_FACTOR|REQUEST|TIMESTAMP|TOPIC)|" +
    "MESSAGE_TOO_LARGE|RECORD_LIST_TOO_LARGE|POLICY_VIOLATION|UNSUPPORTED|NON_EMPTY_GROUP",
);

const DENIED: ReadonlySet<number> = new Set([
  KafkaCode.TOPIC_AUTHORIZATION_FAILED,
  KafkaCode.GROUP_AUTHORIZATION_FAILED,
  KafkaCode.CLUSTER_AUTHORIZATION_FAILED,
]);

/** An error code that a broker answered, before it is turned into one of Tidegate's errors. */
export class BrokerAnswer extends Error {
  /** The class name, kept for logs. */
  override readonly name = "BrokerAnswer";
  /** Kafka's error code. */
  readonly code: number;

  /**
   * Names the code where it is known.
   *
   * @param code Kafka's error code.
   */
  constructor(code: number) {
    const known = Object.entries(KafkaCode).find(([, it]) => it === code);
    super(known === undefined ? `error code ${code}` : known[0]);
    this.code = code;
  }

  /** Whether fresh metadata and a repetition may cure it. */
  get isStale(): boolean {
    return STALE.has(this.code);
  }
}

/**
 * Turns an error code into one of Tidegate's errors.
 *
 * @param answer The code, if it is stale after all repetitions.
 * @param what What was being done: "fetch clicks/0".
 * @returns The error to throw instead.
 */
export function fromAnswer(answer: BrokerAnswer, what: string): TidegateError {
  if (DENIED.has(answer.code)) return refused(what, answer.message, answer);
  if (answer.isStale) return unreachable(what, "in charge", answer.message, answer);
  return rejected(what, answer.message, answer);
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
  if (has(REJECTED)) return rejected(what, got, error);
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
