import assert from "node:assert/strict";
import { TidegateError } from "../../core/errors.ts";
import { type TestPlan, testPlan } from "../../scripts/test_plan.ts";

const PLANS: readonly (readonly [readonly string[], TestPlan])[] = [
  [[], { unit: [], integration: [], filter: null }],
  [["--"], { unit: [], integration: [], filter: null }],
  [["--only", "unit"], { unit: [], integration: null, filter: null }],
  [["--only=integration"], { unit: null, integration: [], filter: null }],
  [["--", "--filter", "a b"], { unit: [], integration: [], filter: "a b" }],
  [["--filter=/^x=/"], { unit: [], integration: [], filter: "/^x=/" }],
  [["tests/core"], { unit: ["tests/core"], integration: null, filter: null }],
  [["./tests/integration/a_test.ts"], {
    unit: null,
    integration: ["tests/integration/a_test.ts"],
    filter: null,
  }],
  [["tests/integration", "tests/core"], {
    unit: ["tests/core"],
    integration: ["tests/integration"],
    filter: null,
  }],
  [["--only", "unit", "tests/integration", "tests/core"], {
    unit: ["tests/core"],
    integration: null,
    filter: null,
  }],
];

for (const [args, plan] of PLANS) {
  Deno.test(`testPlan: ${JSON.stringify(args)}`, () => assert.deepEqual(testPlan(args), plan));
}

const WRONG: readonly (readonly string[])[] = [
  ["--no-such"],
  ["--only"],
  ["--only", "chaos"],
  ["--filter"],
  ["--only", "unit", "tests/integration"],
];

for (const args of WRONG) {
  Deno.test(`testPlan refuses ${JSON.stringify(args)}`, () => {
    assert.throws(() => testPlan(args), (error) => {
      assert.ok(error instanceof TidegateError);
      assert.equal(error.code, "TG_USAGE");
      assert.match(error.message, /^Cannot run test:/);
      return true;
    });
  });
}

Deno.test("testPlan finds --help among other arguments", () => {
  assert.equal(testPlan(["tests/core", "--help"]), null);
});
