import assert from "node:assert/strict";
import fc from "fast-check";
import { murmur2, shardOf, utf8Bytes } from "../../../core/fold/cells.ts";

const encoder = new TextEncoder();

Deno.test("murmur2 gives what Kafka's Java client gives", () => {
  // From UtilsTest.testMurmur2 of Apache Kafka.
  const vectors: [string, number][] = [
    ["21", -973932308],
    ["foobar", -790332482],
    ["a-little-bit-long-string", -985981536],
    ["a-little-bit-longer-string", -1486304829],
    ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
    ["abc", 479470107],
  ];
  for (const [text, hash] of vectors) assert.equal(murmur2(encoder.encode(text)), hash, text);
});

Deno.test("utf8Bytes encodes as TextEncoder does, lone surrogates included", () => {
  const texts = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({ unit: "grapheme" }),
    fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
  );
  fc.assert(fc.property(texts, (text) => {
    assert.deepEqual(utf8Bytes(text), encoder.encode(text));
  }));
  assert.deepEqual([...utf8Bytes("aé€😀\ud800")], [...encoder.encode("aé€😀\ufffd")]);
});

Deno.test("shardOf is the positive hash modulo the shards", () => {
  assert.equal(shardOf("21", 7), (-973932308 & 0x7fffffff) % 7);
  assert.equal(shardOf("abc", 16), 479470107 % 16);
  fc.assert(fc.property(fc.string(), fc.integer({ min: 1, max: 64 }), (key, shards) => {
    const shard = shardOf(key, shards);
    assert.ok(Number.isInteger(shard) && shard >= 0 && shard < shards);
  }));
});

Deno.test("shards share keys about evenly", () => {
  const counts = [0, 0, 0, 0];
  for (let i = 0; i < 4000; i++) {
    const shard = shardOf(`["CS-${i}"]`, 4);
    counts[shard] = (counts[shard] ?? 0) + 1;
  }
  for (const count of counts) assert.ok(count > 800 && count < 1200, `${counts}`);
});
