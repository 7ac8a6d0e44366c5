import assert from "node:assert/strict";
import { read, UNREADABLE } from "./_docs.ts";

/** The source without what differs between a document and a file: comments on top, folders. */
function essence(source: string): string {
  return source.replace(/^(?:\/\/.*\n)+/, "").replaceAll(
    /from "(?:\.\.?\/)[^"]*?([\w.]+)"/g,
    'from "$1"',
  )
    .trim();
}

Deno.test({
  name: "docs: the example of README.md is the one that is tested",
  ignore: UNREADABLE,
  fn() {
    const blocks = [...read("README.md").matchAll(/^```ts\n([^]*?)^```$/gm)]
      .map(([, source]) => essence(String(source)));
    assert.deepEqual(blocks, [
      essence(read("tests/docs/page_views.ts")),
      essence(read("tests/docs/page_views_test.ts")),
    ]);
  },
});
