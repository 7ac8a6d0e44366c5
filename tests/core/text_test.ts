import assert from "node:assert/strict";
import fc from "fast-check";
import { escapeLines, escapeText } from "../../core/text.ts";

Deno.test("controls, directions, zero widths and tags are escaped, letters and pictures are not", () => {
  const cases: readonly [string, string][] = [
    ["CS-101 Größe 東京 ✓ 🎓", "CS-101 Größe 東京 ✓ 🎓"],
    ["\u0000\u001b[31m\u007f", "\\u0000\\u001b[31m\\u007f"],
    ["\u0080\u009b\u009f", "\\u0080\\u009b\\u009f"],
    ["a\nb\tc\r", "a\\nb\\tc\\r"],
    ["\u202e\u2066\u200f\u061c", "\\u202e\\u2066\\u200f\\u061c"],
    ["\u200b\u200d\u2060\ufeff\u00ad", "\\u200b\\u200d\\u2060\\ufeff\\u00ad"],
    ["\u2028\u2029", "\\u2028\\u2029"],
    ["\u{e0041}", "\\udb40\\udc41"],
    ["\ud800", "\\ud800"],
  ];
  for (const [text, escaped] of cases) assert.equal(escapeText(text), escaped);
  assert.equal(escapeLines("a\nb\u200b"), "a\nb\\u200b");
});

Deno.test("property: an escaped JSON text has the same value, and nothing that can't be seen", () => {
  fc.assert(fc.property(fc.jsonValue({ stringUnit: "binary" }), (value) => {
    const text = escapeText(JSON.stringify(value));
    assert.equal(JSON.stringify(JSON.parse(text)), JSON.stringify(value));
    assert.doesNotMatch(text, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
  }));
});
