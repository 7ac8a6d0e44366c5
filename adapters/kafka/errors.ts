/**
 * What a broker's error codes mean here, and the errors that every implementation of the log throws
 * alike. One table says of each code of Kafka's protocol what is done about it.
 *
 * @module
 */

import { type Address, parseAddress } from "../../core/address.ts";
import { TidegateError } from "../../core/errors.ts";
import type { OffsetRange } from "./log.ts";

/**
 * What is done about an error code.
 *
 * - `none`: it is no error.
 * - `repeat`: leader and coordinator are asked anew and the request is repeated for three seconds;
 *   then it is told as `TG_BROKER_UNREACHABLE`, and whoever asked tries again.
 * - `gone`: `TG_OFFSET_GONE`.
 * - `deny`: `TG_CONFIG`, with credentials and permissions to check.
 * - `stop`: `TG_CONFIG`, with the request to correct.
 */
export type Outcome = "none" | "repeat" | "gone" | "deny" | "stop";

/** Codes that are dealt with alike. */
export interface CodeRule {
  /** What is done. */
  readonly outcome: Outcome;
  /** Why, for the manual. */
  readonly why: string;
  /** Kafka's names of the codes. */
  readonly codes: Readonly<Record<string, number>>;
}

/** What is done about a code that is in no rule. */
export const UNKNOWN_CODE: Outcome = "repeat";

/** The codes that the adapters name. */
export const KafkaCode = {
  UNKNOWN_SERVER_ERROR: -1,
  OFFSET_OUT_OF_RANGE: 1,
  UNKNOWN_TOPIC_OR_PARTITION: 3,
  LEADER_NOT_AVAILABLE: 5,
  NOT_LEADER_OR_FOLLOWER: 6,
  TOPIC_ALREADY_EXISTS: 36,
  NOT_CONTROLLER: 41,
  DUPLICATE_SEQUENCE_NUMBER: 46,
  GROUP_ID_NOT_FOUND: 69,
} as const;

/** All error codes of Kafka 4.1, its names of them as in `org.apache.kafka.common.protocol.Errors`. */
export const CODE_RULES: readonly CodeRule[] = [
  { outcome: "none", why: "No error.", codes: { NONE: 0 } },
  {
    outcome: "gone",
    why: "The records were deleted, or the topic was made anew: a person chooses where to go on.",
    codes: { OFFSET_OUT_OF_RANGE: 1, OFFSET_MOVED_TO_TIERED_STORAGE: 109 },
  },
  {
    outcome: "repeat",
    why: "The leader, coordinator or controller has moved or is being elected.",
    codes: {
      LEADER_NOT_AVAILABLE: 5,
      NOT_LEADER_OR_FOLLOWER: 6,
      BROKER_NOT_AVAILABLE: 8,
      REPLICA_NOT_AVAILABLE: 9,
      STALE_CONTROLLER_EPOCH: 11,
      COORDINATOR_LOAD_IN_PROGRESS: 14,
      COORDINATOR_NOT_AVAILABLE: 15,
      NOT_COORDINATOR: 16,
      NOT_CONTROLLER: 41,
      TRANSACTION_COORDINATOR_FENCED: 52,
      LISTENER_NOT_FOUND: 72,
      FENCED_LEADER_EPOCH: 74,
      UNKNOWN_LEADER_EPOCH: 75,
      STALE_BROKER_EPOCH: 77,
      OFFSET_NOT_AVAILABLE: 78,
      PREFERRED_LEADER_NOT_AVAILABLE: 80,
      ELIGIBLE_LEADERS_NOT_AVAILABLE: 83,
      ELECTION_NOT_NEEDED: 84,
      INELIGIBLE_REPLICA: 107,
      NEW_LEADER_ELECTED: 108,
      UNKNOWN_CONTROLLER_ID: 116,
      REBOOTSTRAP_REQUIRED: 129,
    },
  },
  {
    outcome: "repeat",
    why: "The topic is not known there yet, or was made anew; one that stays unknown is missing.",
    codes: {
      UNKNOWN_TOPIC_OR_PARTITION: 3,
      UNKNOWN_TOPIC_ID: 100,
      INCONSISTENT_TOPIC_ID: 103,
      FETCH_SESSION_TOPIC_ID_ERROR: 106,
    },
  },
  {
    outcome: "repeat",
    why: "The broker is starting, busy, throttling, or short of replicas or disks.",
    codes: {
      UNKNOWN_SERVER_ERROR: -1,
      CORRUPT_MESSAGE: 2,
      REQUEST_TIMED_OUT: 7,
      NETWORK_EXCEPTION: 13,
      NOT_ENOUGH_REPLICAS: 19,
      NOT_ENOUGH_REPLICAS_AFTER_APPEND: 20,
      REBALANCE_IN_PROGRESS: 27,
      CONCURRENT_TRANSACTIONS: 51,
      OPERATION_NOT_ATTEMPTED: 55,
      KAFKA_STORAGE_ERROR: 56,
      REASSIGNMENT_IN_PROGRESS: 60,
      UNSTABLE_OFFSET_COMMIT: 88,
      THROTTLING_QUOTA_EXCEEDED: 89,
    },
  },
  {
    outcome: "repeat",
    why: "The session of SASL was being renewed.",
    codes: { ILLEGAL_SASL_STATE: 34 },
  },
  {
    outcome: "repeat",
    why: "The broker has lost a session or a producer's numbers: a new one begins.",
    codes: {
      OUT_OF_ORDER_SEQUENCE_NUMBER: 45,
      DUPLICATE_SEQUENCE_NUMBER: 46,
      INVALID_PRODUCER_EPOCH: 47,
      INVALID_TXN_STATE: 48,
      INVALID_PRODUCER_ID_MAPPING: 49,
      UNKNOWN_PRODUCER_ID: 59,
      FETCH_SESSION_ID_NOT_FOUND: 70,
      INVALID_FETCH_SESSION_EPOCH: 71,
      PRODUCER_FENCED: 90,
      TRANSACTIONAL_ID_NOT_FOUND: 105,
      TRANSACTION_ABORTABLE: 120,
      SHARE_SESSION_NOT_FOUND: 122,
      INVALID_SHARE_SESSION_EPOCH: 123,
      SHARE_SESSION_LIMIT_REACHED: 133,
    },
  },
  {
    outcome: "deny",
    why: "Credentials, permissions or the listener's security have to be corrected.",
    codes: {
      TOPIC_AUTHORIZATION_FAILED: 29,
      GROUP_AUTHORIZATION_FAILED: 30,
      CLUSTER_AUTHORIZATION_FAILED: 31,
      UNSUPPORTED_SASL_MECHANISM: 33,
      TRANSACTIONAL_ID_AUTHORIZATION_FAILED: 53,
      SECURITY_DISABLED: 54,
      SASL_AUTHENTICATION_FAILED: 58,
      DELEGATION_TOKEN_AUTH_DISABLED: 61,
      DELEGATION_TOKEN_NOT_FOUND: 62,
      DELEGATION_TOKEN_OWNER_MISMATCH: 63,
      DELEGATION_TOKEN_REQUEST_NOT_ALLOWED: 64,
      DELEGATION_TOKEN_AUTHORIZATION_FAILED: 65,
      DELEGATION_TOKEN_EXPIRED: 66,
      INVALID_PRINCIPAL_TYPE: 67,
      UNACCEPTABLE_CREDENTIAL: 93,
      PRINCIPAL_DESERIALIZATION_FAILURE: 97,
    },
  },
  {
    outcome: "stop",
    why: "The names, numbers, sizes or settings of the request won't be accepted next time either.",
    codes: {
      INVALID_FETCH_SIZE: 4,
      MESSAGE_TOO_LARGE: 10,
      OFFSET_METADATA_TOO_LARGE: 12,
      INVALID_TOPIC_EXCEPTION: 17,
      RECORD_LIST_TOO_LARGE: 18,
      INVALID_REQUIRED_ACKS: 21,
      INVALID_COMMIT_OFFSET_SIZE: 28,
      INVALID_TIMESTAMP: 32,
      TOPIC_ALREADY_EXISTS: 36,
      INVALID_PARTITIONS: 37,
      INVALID_REPLICATION_FACTOR: 38,
      INVALID_REPLICA_ASSIGNMENT: 39,
      INVALID_CONFIG: 40,
      POLICY_VIOLATION: 44,
      INVALID_TRANSACTION_TIMEOUT: 50,
      LOG_DIR_NOT_FOUND: 57,
      TOPIC_DELETION_DISABLED: 73,
      NO_REASSIGNMENT_IN_PROGRESS: 85,
      INVALID_RECORD: 87,
      RESOURCE_NOT_FOUND: 91,
      DUPLICATE_RESOURCE: 92,
      TELEMETRY_TOO_LARGE: 118,
      INVALID_REGULAR_EXPRESSION: 128,
    },
  },
  {
    outcome: "stop",
    why: "The group is not what the request takes it for: it has members, or other ones.",
    codes: {
      ILLEGAL_GENERATION: 22,
      INCONSISTENT_GROUP_PROTOCOL: 23,
      INVALID_GROUP_ID: 24,
      UNKNOWN_MEMBER_ID: 25,
      INVALID_SESSION_TIMEOUT: 26,
      NON_EMPTY_GROUP: 68,
      GROUP_ID_NOT_FOUND: 69,
      MEMBER_ID_REQUIRED: 79,
      GROUP_MAX_SIZE_REACHED: 81,
      FENCED_INSTANCE_ID: 82,
      GROUP_SUBSCRIBED_TO_TOPIC: 86,
      FENCED_MEMBER_EPOCH: 110,
      UNRELEASED_INSTANCE_ID: 111,
      UNSUPPORTED_ASSIGNOR: 112,
      STALE_MEMBER_EPOCH: 113,
      INVALID_RECORD_STATE: 121,
      FENCED_STATE_EPOCH: 124,
      STREAMS_INVALID_TOPOLOGY: 130,
      STREAMS_INVALID_TOPOLOGY_EPOCH: 131,
      STREAMS_TOPOLOGY_FENCED: 132,
    },
  },
  {
    outcome: "stop",
    why:
      "The broker does not speak the request, or it is one between brokers that nobody sends here.",
    codes: {
      UNSUPPORTED_VERSION: 35,
      INVALID_REQUEST: 42,
      UNSUPPORTED_FOR_MESSAGE_FORMAT: 43,
      UNSUPPORTED_COMPRESSION_TYPE: 76,
      INCONSISTENT_VOTER_SET: 94,
      INVALID_UPDATE_VERSION: 95,
      FEATURE_UPDATE_FAILED: 96,
      SNAPSHOT_NOT_FOUND: 98,
      POSITION_OUT_OF_RANGE: 99,
      DUPLICATE_BROKER_REGISTRATION: 101,
      BROKER_ID_NOT_REGISTERED: 102,
      INCONSISTENT_CLUSTER_ID: 104,
      MISMATCHED_ENDPOINT_TYPE: 114,
      UNSUPPORTED_ENDPOINT_TYPE: 115,
      UNKNOWN_SUBSCRIPTION_ID: 117,
      INVALID_REGISTRATION: 119,
      INVALID_VOTER_KEY: 125,
      DUPLICATE_VOTER: 126,
      VOTER_NOT_FOUND: 127,
    },
  },
];

const KNOWN: ReadonlyMap<number, { readonly name: string; readonly outcome: Outcome }> = new Map(
  CODE_RULES.flatMap(({ outcome, codes }) =>
    Object.entries(codes).map(([name, code]) => [code, { name, outcome }] as const)
  ),
);

/** What is done about an error code. */
export function outcomeOf(code: number): Outcome {
  return KNOWN.get(code)?.outcome ?? UNKNOWN_CODE;
}

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
   * @param detail What the broker adds in words.
   */
  constructor(code: number, detail?: string | null | undefined) {
    const name = KNOWN.get(code)?.name ?? `error code ${code}`;
    super(detail ? `${name} (${detail})` : name);
    this.code = code;
  }

  /** Whether fresh metadata and a repetition may cure it. */
  get isPassing(): boolean {
    return outcomeOf(this.code) === "repeat";
  }
}

/**
 * Turns an error code into one of Tidegate's errors.
 *
 * @param answer The code, after all repetitions if it is a passing one.
 * @param what What was being done: "fetch clicks/0".
 */
export function fromAnswer(answer: BrokerAnswer, what: string): TidegateError {
  switch (outcomeOf(answer.code)) {
    case "none":
    case "repeat":
      return new TidegateError(
        "TG_BROKER_UNREACHABLE",
        `Cannot ${what}: the broker must answer without error, got ${answer.message}`,
        {
          retryable: true,
          cause: answer,
          next: "It passes by itself as a rule; if not, see the broker's log and its health.",
        },
      );
    case "deny":
      return refused(what, answer.message, answer);
    case "gone":
    case "stop":
      return rejected(what, answer.message, answer);
  }
}

/**
 * Turns what kafkajs or @platformatic/kafka throws into one of Tidegate's errors.
 *
 * @param error What was thrown.
 * @param what What was being done: "write to clicks".
 * @param brokers The brokers asked, for messages.
 * @param topic The topic at hand, if any.
 */
export function fromClient(
  error: unknown,
  what: string,
  brokers: readonly string[],
  topic?: string,
): TidegateError {
  const errors = chain(error);
  for (const it of errors) if (it instanceof TidegateError) return it;
  const got = innermost(errors)?.message ?? String(error);
  const code = errors.map(codeOf).find((it) => it !== null);
  const unknownTopic = code === KafkaCode.UNKNOWN_TOPIC_OR_PARTITION ||
    errors.some((it) => it.name === "KafkaJSMetadataNotLoaded");
  if (topic !== undefined && unknownTopic) return topicMissing(what, topic);
  if (code !== undefined) {
    switch (outcomeOf(code)) {
      case "deny":
        return refused(what, got, error);
      case "gone":
      case "stop":
        return rejected(what, got, error);
      case "none":
      case "repeat":
        return unreachable(what, brokers.join(","), got, error);
    }
  }
  const isLogin = errors.some((it) =>
    it.name === "KafkaJSSASLAuthenticationError" ||
    Reflect.get(it, "code") === "PLT_KFK_AUTHENTICATION"
  );
  return isLogin ? refused(what, got, error) : unreachable(what, brokers.join(","), got, error);
}

/** Kafka's code in an error of a client: kafkajs calls it `code`, @platformatic/kafka `apiCode`. */
function codeOf(error: Error): number | null {
  for (const name of ["apiCode", "code"]) {
    const code: unknown = Reflect.get(error, name);
    if (typeof code === "number" && code !== 0) return code;
  }
  return null;
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
      next:
        "Check that the broker runs, that KAFKA_BROKERS names it (host:port), and KAFKA_TLS_* " +
        "and KAFKA_SASL, if its listener wants them.",
    },
  );
}

/** The address that a broker names as its own could not be reached from here. */
export function unreachableAdvertised(
  what: string,
  address: string,
  got: string,
  cause?: unknown,
): TidegateError {
  return new TidegateError(
    "TG_BROKER_UNREACHABLE",
    `Cannot ${what}: ${address}, which the broker advertises as its address, must answer, got ${got}`,
    {
      retryable: true,
      cause,
      next:
        "KAFKA_BROKERS is right, and its broker sends clients to this address: let it advertise " +
        "one that can be reached from here (advertised.listeners; Redpanda: advertised_kafka_api).",
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

/** Record batches that can't be read, however often they are fetched. */
export function damaged(what: string, cause: Error): TidegateError {
  return new TidegateError("TG_LOG_DAMAGED", `Cannot ${what}: ${cause.message}`, {
    cause,
    next:
      "The log is damaged on the broker: mend it there (a replica may be whole), then resume; " +
      "or exclude the partition.",
  });
}

/**
 * Reads a broker's address.
 *
 * @throws {TidegateError} `TG_CONFIG` if it is none.
 */
export function brokerAddress(text: string): Address {
  const address = parseAddress(text);
  if (address !== null) return address;
  throw new TidegateError(
    "TG_CONFIG",
    `Cannot read KAFKA_BROKERS: a broker must be host:port, got "${text}"`,
    { next: "Name the brokers as host:port, separated by commas; IPv6 as [::1]:9092." },
  );
}
