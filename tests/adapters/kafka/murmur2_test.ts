import assert from "node:assert/strict";
import fc from "fast-check";
import { partitionOfKey } from "../../../adapters/kafka/partitioner.ts";
import { murmur2 } from "../../../core/fold/cells.ts";

const encoder = new TextEncoder();

// From org.apache.kafka.common.utils.UtilsTest.testMurmur2.
const vectors: readonly (readonly [key: string, hash: number])[] = [
  ["21", -973_932_308],
  ["foobar", -790_332_482],
  ["a-little-bit-long-string", -985_981_536],
  ["a-little-bit-longer-string", -1_486_304_829],
  ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971],
  ["abc", 479_470_107],
];

for (const [key, hash] of vectors) {
  Deno.test(`murmur2 of ${key} is Java's`, () => {
    assert.equal(murmur2(encoder.encode(key)), hash);
  });
}

Deno.test("murmur2 does not depend on where in its buffer a key lies", () => {
  const padded = encoder.encode("...foobar...");
  assert.equal(murmur2(padded.subarray(3, 9)), -790_332_482);
});

Deno.test("murmur2 of any bytes is that of the definition", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (data) => {
    assert.equal(murmur2(data), byDefinition([...data]));
  }));
});

Deno.test("a negative hash makes a partition from 0 too", () => {
  assert.equal(partitionOfKey(encoder.encode("21"), 7), (-973_932_308 & 0x7fffffff) % 7);
});

/** Murmur2 written out with arbitrary precision. */
function byDefinition(data: readonly number[]): number {
  const word = (value: bigint): bigint => BigInt.asUintN(32, value);
  const m = 0x5bd1e995n;
  let h = word(0x9747b28cn ^ BigInt(data.length));
  const whole = data.length - data.length % 4;
  for (let i = 0; i < whole; i += 4) {
    let k = 0n;
    for (let j = 3; j >= 0; j--) k = (k << 8n) | BigInt(data[i + j] ?? 0);
    k = word(k * m);
    k = word((k ^ (k >> 24n)) * m);
    h = word(h * m) ^ k;
  }
  if (data.length > whole) {
    for (let i = data.length - 1; i >= whole; i--) h ^= BigInt(data[i] ?? 0) << BigInt(8 * (i % 4));
    h = word(h * m);
  }
  h = word((h ^ (h >> 13n)) * m);
  h ^= h >> 15n;
  return Number(BigInt.asIntN(32, h));
}
