import assert from "node:assert/strict";
import { TidegateError } from "../../../core/errors.ts";
import {
  fromTemporal,
  mayPass,
  retried,
  statusOf,
  VERDICTS,
  withCodes,
} from "../../../adapters/temporal/errors.ts";

/** gRPC's statuses in the order of their numbers, from its specification; what becomes of each. */
const EXPECTED = [
  ["OK", "TG_TEMPORAL_UNANSWERED", "retried"],
  ["CANCELLED", "TG_TEMPORAL_UNANSWERED", "retried"],
  ["UNKNOWN", "TG_TEMPORAL_UNANSWERED", "retried"],
  ["INVALID_ARGUMENT", "TG_TEMPORAL_REFUSED", "stops"],
  ["DEADLINE_EXCEEDED", "TG_TEMPORAL_UNANSWERED", "retried"],
  ["NOT_FOUND", "TG_TEMPORAL_REFUSED", "retried"],
  ["ALREADY_EXISTS", "TG_TEMPORAL_REFUSED", "stops"],
  ["PERMISSION_DENIED", "TG_TEMPORAL_REFUSED", "retried"],
  ["RESOURCE_EXHAUSTED", "TG_TEMPORAL_UNANSWERED", "retried"],
  ["FAILED_PRECONDITION", "TG_TEMPORAL_UNANSWERED", "retried"],
  ["ABORTED", "TG_TEMPORAL_UNANSWERED", "retried"],
  ["OUT_OF_RANGE", "TG_TEMPORAL_UNANSWERED", "retried"],
  ["UNIMPLEMENTED", "TG_TEMPORAL_REFUSED", "stops"],
  ["INTERNAL", "TG_TEMPORAL_UNANSWERED", "retried"],
  ["UNAVAILABLE", "TG_TEMPORAL_UNREACHABLE", "retried"],
  ["DATA_LOSS", "TG_TEMPORAL_UNANSWERED", "retried"],
  ["UNAUTHENTICATED", "TG_TEMPORAL_REFUSED", "retried"],
] as const;

/** What the SDK throws: a gRPC error in a wrapping of its own. */
function serviceError(code: number, message = "some words"): Error {
  const cause = Object.assign(new Error(message), { code, details: message, metadata: {} });
  return Object.assign(new Error("Failed to query Workflow", { cause }), { name: "ServiceError" });
}

function named(name: string): Error {
  return Object.assign(new Error("some words"), { name });
}

Deno.test("each of the 17 gRPC statuses is retried or stops, and is told with its code", () => {
  assert.deepEqual(VERDICTS.map(([status]) => status), EXPECTED.map(([status]) => status));
  EXPECTED.forEach(([status, code, outcome], number) => {
    const error = serviceError(number);
    const told = fromTemporal(error, "read the clock");
    assert.ok(told instanceof TidegateError);
    assert.deepEqual([told.code, told.retryable], [code, outcome === "retried"], status);
    assert.match(told.message, /^Cannot read the clock: Temporal must .* got [A-Z_]+: some words$/);
    assert.ok(told.message.includes(status));
    assert.notEqual(told.next, "");
    assert.equal(told.cause, error);
    assert.equal(mayPass(error), outcome === "retried");
    assert.equal(statusOf(error), status);
  });
});

Deno.test("a status that nobody knows may pass", () => {
  assert.ok(mayPass(serviceError(99)));
});

Deno.test("errors of the SDK without a status have their codes too", () => {
  for (
    const [name, code] of [
      ["TransportError", "TG_TEMPORAL_UNREACHABLE"],
      ["IllegalStateError", "TG_TEMPORAL_UNREACHABLE"],
      ["QueryNotRegisteredError", "TG_TEMPORAL_UNANSWERED"],
      ["WorkflowNotFoundError", "TG_TEMPORAL_REFUSED"],
      ["NamespaceNotFoundError", "TG_TEMPORAL_REFUSED"],
    ] as const
  ) {
    const told = fromTemporal(new Error("outer", { cause: named(name) }), "ask");
    assert.ok(told instanceof TidegateError);
    assert.deepEqual([told.code, told.retryable], [code, true], name);
  }
});

Deno.test("what is not the server's is passed on as it is: our own errors, and mistakes", () => {
  const cause = named("WorkflowNotFoundError");
  const own = new TidegateError("TG_USAGE", "no such partition", { cause });
  assert.equal(fromTemporal(new Error("outer", { cause: own }), "ask"), own);
  const mistake = new TypeError("x is undefined");
  assert.equal(fromTemporal(mistake, "ask"), mistake);
  assert.equal(mayPass(mistake), false);
  assert.equal(statusOf(mistake), null);
});

Deno.test("calls fail with codes, and answer what they answered", async () => {
  const calls = withCodes({
    label: "calls",
    double: (n: number) => Promise.resolve(2 * n),
    name: (text: string) => text,
    fail: () => Promise.reject(serviceError(14)),
  });
  assert.equal(calls.label, "calls");
  assert.equal(await calls.double(2), 4);
  assert.equal(calls.name("x"), "x");
  await assert.rejects(calls.fail(), { code: "TG_TEMPORAL_UNREACHABLE" });
});

Deno.test("an unanswered call is made again, one that was refused is not", async () => {
  let calls = 0;
  const answer = await retried(0, () => {
    calls += 1;
    return calls === 1 ? Promise.reject(serviceError(4)) : Promise.resolve("answer");
  });
  assert.deepEqual([answer, calls], ["answer", 2]);
  calls = 0;
  const refused = retried(60_000, () => {
    calls += 1;
    return Promise.reject(serviceError(3));
  });
  await assert.rejects(refused);
  assert.equal(calls, 1);
});

Deno.test("a call that stays unanswered fails after its time, but not at the first try", async () => {
  let calls = 0;
  const unanswered = retried(0, () => {
    calls += 1;
    return Promise.reject(serviceError(4));
  });
  await assert.rejects(unanswered, { name: "ServiceError" });
  assert.equal(calls, 2);
});
