import assert from "node:assert/strict";
import { TidegateError } from "../../../core/errors.ts";
import {
  brokerAddress,
  BrokerAnswer,
  CODE_RULES,
  fromAnswer,
  fromClient,
  type Outcome,
  outcomeOf,
} from "../../../adapters/kafka/errors.ts";

const BROKERS = ["a:1", "b:2"];

/** An error as kafkajs makes them: wrapped, with a code. */
function kafkaJsError(name: string, message: string): Error {
  const code = codeNamed(name);
  const inner = Object.assign(new Error(message), { name: "KafkaJSProtocolError", code });
  return Object.assign(new Error(message, { cause: inner }), {
    name: "KafkaJSNumberOfRetriesExceeded",
  });
}

function codeNamed(name: string): number {
  const code = CODE_RULES.map(({ codes }) => codes[name]).find((it) => it !== undefined);
  assert.ok(code !== undefined, name);
  return code;
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
      [kafkaJsError("ILLEGAL_SASL_STATE", "renewed"), "TG_BROKER_UNREACHABLE", true],
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

/** What Kafka 4.1's own client retries: `Errors` whose exception is a `RetriableException`. */
const RETRIED_BY_KAFKA = [
  ...[2, 3, 5, 6, 7, 9, 13, 14, 15, 16, 19, 20, 41, 51, 56, 70, 71, 72, 74, 75, 78, 80, 83, 84],
  ...[88, 89, 100, 103, 106, 122, 123, 133],
];

const TOLD: Readonly<Record<Outcome, readonly [code: string, retryable: boolean]>> = {
  none: ["TG_BROKER_UNREACHABLE", true],
  repeat: ["TG_BROKER_UNREACHABLE", true],
  gone: ["TG_CONFIG", false],
  deny: ["TG_CONFIG", false],
  stop: ["TG_CONFIG", false],
};

Deno.test("every code of Kafka's protocol is in the table once, under one name", () => {
  const codes = CODE_RULES.flatMap((rule) => Object.values(rule.codes)).sort((a, b) => a - b);
  assert.deepEqual(codes, Array.from({ length: 135 }, (_, i) => i - 1));
  const names = CODE_RULES.flatMap((rule) => Object.keys(rule.codes));
  assert.equal(new Set(names).size, names.length);
});

Deno.test("every code is told by its name, as what the table says of it", () => {
  for (const { outcome, codes } of CODE_RULES) {
    for (const [name, code] of Object.entries(codes)) {
      const answer = new BrokerAnswer(code);
      const told = fromAnswer(answer, "fetch clicks/0");
      assert.deepEqual([told.code, told.retryable], TOLD[outcome], name);
      assert.match(told.message, new RegExp(`^Cannot fetch clicks/0: .*, got ${name}$`));
      assert.notEqual(told.next, "");
      assert.equal(answer.isPassing, told.retryable && outcome === "repeat", name);
    }
  }
});

Deno.test("what Kafka's own client retries never stops anything here", () => {
  for (const code of RETRIED_BY_KAFKA) assert.equal(outcomeOf(code), "repeat", String(code));
});

Deno.test("an unknown code is repeated, told with its number, and tried again", () => {
  for (const code of [134, 9_999, -2]) {
    const answer = new BrokerAnswer(code);
    assert.equal(answer.isPassing, true);
    const told = fromAnswer(answer, "fetch clicks/0");
    assert.deepEqual([told.code, told.retryable], ["TG_BROKER_UNREACHABLE", true]);
    assert.match(told.message, new RegExp(`got error code ${code}$`));
  }
});

Deno.test("what is no address is refused with what was got, an IPv6 one must stand in brackets", () => {
  assert.deepEqual(brokerAddress(" [::1]:9092"), { host: "::1", port: 9092 });
  for (const text of ["", "localhost", ":9092", "localhost:0", "a:99999", "::1:90"]) {
    assert.throws(() => brokerAddress(text), (error: Error) => {
      assert.match(error.message, /host:port/);
      assert.ok(error.message.includes(`"${text}"`));
      return true;
    });
  }
});
