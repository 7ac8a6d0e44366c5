import assert from "node:assert/strict";
import { columns, logLine, markdownTable } from "../../cli/output.ts";
import { windowText } from "../../cli/rows.ts";

Deno.test("columns are as wide as their widest cell, and rows may end early", () => {
  assert.deepEqual(columns([["window", "n"], ["a", "10", "late"], ["long one"]]), [
    "window    n",
    "a         10  late",
    "long one",
  ]);
});

Deno.test("figures stand on the right, and lines behind an indent", () => {
  assert.deepEqual(
    columns([["", "rate"], ["a", "1.5"], ["b", "12.5"]], {
      rightFrom: 1,
      indent: "  ",
    }),
    [
      "     rate",
      "  a   1.5",
      "  b  12.5",
    ],
  );
});

Deno.test("cells are escaped, and wide characters count twice", () => {
  assert.deepEqual(columns([["東京", "x"], ["a\u202e\n", "y"], ["e\u0301", "z"]]), [
    "東京       x",
    "a\\u202e\\n  y",
    "e\u0301          z",
  ]);
});

Deno.test("a Markdown table has a dash where there is nothing", () => {
  assert.equal(
    markdownTable(["a", "b"], [["1", ""]]),
    "| a | b |\n| --- | --- |\n| 1 | – |\n",
  );
});

Deno.test("a log line is one line of JSON in a pipe, and shows what can't be seen", () => {
  const now = new Date("2026-01-05T08:00:00.123Z");
  const entry = { kind: "note", message: "a\nb\u009b" };
  assert.equal(
    logLine(now, { ...entry, isTerminal: false }),
    '{"time":"2026-01-05T08:00:00.123Z","kind":"note","message":"a\\nb\\u009b"}',
  );
  assert.equal(logLine(now, { ...entry, isTerminal: true }), "08:00:00  a\nb\\u009b");
});

Deno.test("a window's end has its day where that is not the start's", () => {
  const [first, second] = ["2026-01-05T08:00:00.000Z", "2026-01-05T08:00:10.000Z"];
  assert.equal(windowText({ start: first, end: second }), `${first} to 08:00:10.000Z`);
  const next = "2026-01-06T08:00:00.000Z";
  assert.equal(windowText({ start: first, end: next }), `${first} to ${next}`);
});
