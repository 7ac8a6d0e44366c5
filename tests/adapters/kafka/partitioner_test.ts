import assert from "node:assert/strict";
import { createPartitioner } from "../../../adapters/kafka/partitioner.ts";

Deno.test("text and bytes of the same key choose the same partition", () => {
  const choose = createPartitioner();
  const bytes = new TextEncoder().encode("ключ");
  assert.equal(choose({ key: "ключ" }, 1_000), choose({ key: bytes }, 1_000));
});

Deno.test("an empty key is a key", () => {
  const choose = createPartitioner();
  const chosen = [0, 1, 2].map(() => choose({ key: "" }, 50));
  assert.equal(new Set(chosen).size, 1);
});

Deno.test("records without a key take turns", () => {
  const choose = createPartitioner();
  assert.deepEqual([0, 1, 2, 3].map(() => choose({ key: null }, 3)), [0, 1, 2, 0]);
});
