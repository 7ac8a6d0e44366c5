import assert from "node:assert/strict";
import { addCounts, formatCounts, testCounts } from "../../scripts/test_summary.ts";

Deno.test("testCounts reads every shape of the summary line", () => {
  const lines: readonly (readonly [string, number, number, number, number])[] = [
    ["ok | 12 passed (3 steps) | 0 failed | 1 ignored (2s)", 0, 12, 0, 1],
    ["ok | 2 passed | 0 failed (11ms)", 0, 2, 0, 0],
    ["FAILED | 2 passed (1 step) | 3 failed (1 step) | 1 ignored (1 step) (63ms)", 1, 2, 3, 1],
    ["ok | 0 passed | 0 failed | 3 filtered out (5ms)", 0, 0, 0, 0],
    ["ok | 5 passed | 0 failed | 2 ignored | 1 measured | 4 filtered out (1m20s)", 0, 5, 0, 2],
    ["\x1b[32mok\x1b[0m | 7 passed | 0 failed \x1b[38;5;245m(11ms)\x1b[0m", 0, 7, 0, 0],
  ];
  for (const [line, code, passed, failed, skipped] of lines) {
    const output = `running 1 test from ./a_test.ts\na ... ok (1ms)\n\n${line}\n\n`;
    assert.deepEqual(testCounts(output, code), { passed, failed, skipped }, line);
  }
});

Deno.test("testCounts takes the last summary, not one that a test printed", () => {
  const printed = "ok | 99 passed | 0 failed (1s)\n";
  const output = `${printed}x ... FAILED\n\nFAILED | 1 passed | 1 failed (2ms)\n`;
  assert.deepEqual(testCounts(output, 1), { passed: 1, failed: 1, skipped: 0 });
});

Deno.test("testCounts is not fooled by a summary inside a line", () => {
  const output = "error: Error: ok | 12 passed | 0 failed (2s)\n";
  assert.deepEqual(testCounts(output, 1), { passed: 0, failed: 1, skipped: 0 });
});

Deno.test("testCounts counts a run without summary as one failure", () => {
  for (const code of [0, 1, 137]) {
    assert.deepEqual(testCounts("", code), { passed: 0, failed: 1, skipped: 0 });
  }
});

Deno.test("testCounts counts a failed run without failed tests as one failure", () => {
  assert.deepEqual(testCounts("ok | 3 passed | 0 failed (1ms)\n", 1), {
    passed: 3,
    failed: 1,
    skipped: 0,
  });
});

Deno.test("addCounts adds, formatCounts names what was skipped only if there is any", () => {
  const sum = addCounts([
    { passed: 3, failed: 0, skipped: 0 },
    { passed: 4, failed: 1, skipped: 0 },
  ]);
  assert.equal(formatCounts(sum), "7 passed, 1 failed");
  assert.equal(formatCounts({ ...sum, skipped: 2 }), "7 passed, 1 failed, 2 skipped");
  assert.equal(formatCounts(addCounts([])), "0 passed, 0 failed");
});
