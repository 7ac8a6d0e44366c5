import assert from "node:assert/strict";
import { DOCUMENTS, read, section, tableRows, UNREADABLE } from "./_docs.ts";

function codes(): string[] {
  const union = /export type TgCode =([^;]*);/.exec(read("core/errors.ts"))?.[1] ?? "";
  return [...union.matchAll(/"(TG_\w+)"/g)].map(([, code]) => String(code));
}

Deno.test({
  name: "docs: every error code is explained, in order, with what to do",
  ignore: UNREADABLE,
  fn() {
    const rows = tableRows(section(read("docs/operations.md"), "Error codes"));
    assert.deepEqual(rows.map(([code]) => code), codes().map((code) => `\`${code}\``));
    for (const [code, meaning, next] of rows) assert.ok(meaning && next, `${code} lacks words`);
  },
});

Deno.test({
  name: "docs: no document names an error code that does not exist",
  ignore: UNREADABLE,
  fn() {
    const known = new Set(codes());
    for (const file of DOCUMENTS) {
      const named = [...read(file).matchAll(/\bTG_[A-Z_]+\b/g)].map(([code]) => code);
      assert.deepEqual(named.filter((code) => !known.has(code)), [], file);
    }
  },
});
