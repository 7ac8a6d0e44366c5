import assert from "node:assert/strict";
import { errorReport } from "../../cli/exit.ts";
import { TidegateError } from "../../core/errors.ts";

Deno.test("an error with a code: what happened, and what to do", () => {
  const error = new TidegateError("TG_INPUT", "Cannot read x", { next: "Name another file." });
  assert.equal(errorReport(error), "TG_INPUT: Cannot read x\n  Name another file.");
  assert.equal(errorReport(new TidegateError("TG_INPUT", "no x")), "TG_INPUT: no x");
});

Deno.test("any other error is one line without a stack, and says how to see more", () => {
  const report = errorReport(new RangeError("bad\n  thing"));
  assert.match(report, /^TG_UNEXPECTED: bad thing\n {2}.*TIDEGATE_DEBUG=1/);
  assert.doesNotMatch(report, /exit_test/);
  assert.match(errorReport("a word"), /^TG_UNEXPECTED: a word\n/);
});

Deno.test("an answer that Temporal did not give is told as such", () => {
  const cause = new Error("4 DEADLINE_EXCEEDED: Deadline exceeded after 30s");
  const error = Object.assign(new Error("Failed to query Workflow", { cause }), {
    name: "ServiceError",
  });
  assert.match(errorReport(error), /^TG_TEMPORAL_UNREACHABLE: .*4 DEADLINE_EXCEEDED/);
});
