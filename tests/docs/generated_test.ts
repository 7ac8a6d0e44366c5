import assert from "node:assert/strict";
import { BLOCKS, withBlock } from "../../scripts/docs.ts";
import { read, UNREADABLE } from "./_docs.ts";

for (const block of BLOCKS) {
  Deno.test({
    name: `docs: ${block.name} in ${block.file} is as \`deno task docs\` writes it`,
    ignore: UNREADABLE,
    fn() {
      const text = read(block.file);
      assert.equal(text, withBlock(text, block));
    },
  });
}

Deno.test("docs: a document without a place for its generated part is refused", () => {
  const block = { name: "settings", file: "docs/x.md", render: () => "| a |\n" };
  assert.throws(() => withBlock("nothing", block), /docs\/x\.md must hold/);
});
