import assert from "node:assert/strict";
import { TidegateError } from "../../../core/errors.ts";
import { BrokerAnswer, fromAnswer, fromClient, KafkaCode } from "../../../adapters/kafka/errors.ts";

const BROKERS = ["a:1", "b:2"];

/** An error as kafkajs makes them: wrapped, with a type. */
function kafkaJsError(type: string, message: string): Error {
  const inner = Object.assign(new Error(message), { name: "KafkaJSProtocolError", type });
  return Object.assign(new Error(message, { cause: inner }), {
    name: "KafkaJSNumberOfRetriesExceeded",
  });
}

Deno.test("each kind of failure of a client gets its code", () => {
  for (
    const [error, code, retryable] of [
      [kafkaJsError("UNKNOWN_TOPIC_OR_PARTITION", "no topic"), "TG_TOPIC_MISSING", false],
      [kafkaJsError("TOPIC_AUTHORIZATION_FAILED", "no right"), "TG_CONFIG", false],
      [kafkaJsError("INVALID_CONFIG", "bad value"), "TG_CONFIG", false],
      [kafkaJsError("MESSAGE_TOO_LARGE", "too large"), "TG_CONFIG", false],
      [kafkaJsError("INVALID_PRODUCER_EPOCH", "old epoch"), "TG_BROKER_UNREACHABLE", true],
      [kafkaJsError("NOT_ENOUGH_REPLICAS", "too few"), "TG_BROKER_UNREACHABLE", true],
      [
        Object.assign(new Error("bad login"), { name: "KafkaJSSASLAuthenticationError" }),
        "TG_CONFIG",
        false,
      ],
      [
        Object.assign(new Error("failed", { cause: new Error("bad login") }), {
          code: "PLT_KFK_AUTHENTICATION",
        }),
        "TG_CONFIG",
        false,
      ],
      [
        new AggregateError([new Error("x", { cause: new Error("connect ECONNREFUSED") })], "many"),
        "TG_BROKER_UNREACHABLE",
        true,
      ],
      ["thrown text", "TG_BROKER_UNREACHABLE", true],
    ] as const
  ) {
    const mapped = fromClient(error, "write to clicks", BROKERS, "clicks");
    assert.deepEqual([mapped.code, mapped.retryable], [code, retryable], String(error));
    assert.match(mapped.message, /^Cannot write to clicks: /);
    assert.notEqual(mapped.next, "");
  }
});

Deno.test("the innermost message and the brokers are told", () => {
  const error = new Error("outer", { cause: new Error("connect ECONNREFUSED 1.2.3.4:9") });
  const { message, cause } = fromClient(error, "list topics", BROKERS);
  assert.equal(
    message,
    "Cannot list topics: the broker a:1,b:2 must answer, got connect ECONNREFUSED 1.2.3.4:9",
  );
  assert.equal(cause, error);
});

Deno.test("one of Tidegate's own errors goes through, however wrapped", () => {
  const own = new TidegateError("TG_TOPIC_MISSING", "gone");
  assert.equal(fromClient(new Error("wrapped", { cause: own }), "x", BROKERS), own);
});

Deno.test("an answer that is stale for good is retryable, others are not", () => {
  for (
    const [code, expected, retryable] of [
      [KafkaCode.NOT_LEADER_OR_FOLLOWER, "TG_BROKER_UNREACHABLE", true],
      [KafkaCode.GROUP_AUTHORIZATION_FAILED, "TG_CONFIG", false],
      [KafkaCode.UNKNOWN_MEMBER_ID, "TG_CONFIG", false],
      [9999, "TG_CONFIG", false],
    ] as const
  ) {
    const mapped = fromAnswer(new BrokerAnswer(code), "fetch clicks/0");
    assert.deepEqual([mapped.code, mapped.retryable], [expected, retryable]);
  }
  const name = fromAnswer(new BrokerAnswer(KafkaCode.UNKNOWN_MEMBER_ID), "commit").message;
  assert.match(name, /got UNKNOWN_MEMBER_ID$/);
});
