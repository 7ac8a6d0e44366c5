import assert from "node:assert/strict";
import { createPartitioner } from "../../../adapters/kafka/partitioner.ts";

const partitions = (count: number): { partitionId: number }[] =>
  Array.from({ length: count }, (_, partitionId) => ({ partitionId }));

Deno.test("text and bytes of the same key choose the same partition", () => {
  const choose = createPartitioner();
  const partitionMetadata = partitions(1_000);
  const asText = choose({ message: { key: "ключ" }, partitionMetadata });
  const asBytes = choose({
    message: { key: new TextEncoder().encode("ключ") },
    partitionMetadata,
  });
  assert.equal(asText, asBytes);
});

Deno.test("an empty key is a key", () => {
  const choose = createPartitioner();
  const chosen = [0, 1, 2].map(() =>
    choose({ message: { key: "" }, partitionMetadata: partitions(50) })
  );
  assert.equal(new Set(chosen).size, 1);
});

Deno.test("a message keeps its partition when it is asked about again", () => {
  const choose = createPartitioner();
  const message = { key: null };
  const first = choose({ message, partitionMetadata: partitions(4) });
  choose({ message: { key: null }, partitionMetadata: partitions(4) });
  assert.equal(choose({ message, partitionMetadata: partitions(9) }), first);
});

Deno.test("a given partition is taken", () => {
  const choose = createPartitioner();
  const message = { key: "k", partition: 3 };
  assert.equal(choose({ message, partitionMetadata: partitions(4) }), 3);
});
