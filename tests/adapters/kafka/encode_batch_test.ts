import assert from "node:assert/strict";
import fc from "fast-check";
import { encodeBatch } from "../../../adapters/kafka/encode_batch.ts";
import { decodeBatches } from "../../../adapters/kafka/record_batch.ts";
import { crc32c } from "./batches.ts";

const bytes = fc.option(fc.uint8Array({ maxLength: 300 }));
const record = fc.record({
  key: bytes,
  value: bytes,
  timestampMs: fc.option(fc.integer({ min: 0, max: 2 ** 45 }), { nil: -1 }),
});
const producer = { producerId: 7n, producerEpoch: 1, sequence: 5, nowMs: 1_760_000_000_000 };
const decoding = { from: 0, end: 1e9, aborted: [], checksum: crc32c };

Deno.test("what is encoded is decoded again, whatever it is", () => {
  const some = fc.array(record, { minLength: 1, maxLength: 200 });
  fc.assert(fc.property(some, fc.boolean(), (records, isFlipped) => {
    const out = records.map(({ timestampMs, ...rest }) =>
      timestampMs < 0 ? rest : { ...rest, timestampMs }
    );
    const flip = (data: Uint8Array) => data.map((byte) => byte ^ 255);
    const compression = isFlipped ? { compression: { codec: 1, compress: flip } } : {};
    const batch = encodeBatch(out, { ...producer, checksum: crc32c, ...compression });
    const { records: read, next, cutOff } = decodeBatches(batch, {
      ...decoding,
      decompress: (codec, data) => (assert.equal(codec, 1), flip(data)),
    });
    assert.deepEqual([next, cutOff], [records.length, 0]);
    assert.deepEqual(
      read,
      records.map(({ key, value, timestampMs }, offset) => ({
        offset,
        timestampMs: timestampMs < 0 ? producer.nowMs : timestampMs,
        key,
        value,
      })),
    );
  }));
});

Deno.test("the header says whose batch it is, and how late its latest record", () => {
  const batch = encodeBatch([
    { key: null, value: "a", timestampMs: 2_000 },
    { key: null, value: "b", timestampMs: 9_000 },
    { key: null, value: "c", timestampMs: 1_000 },
  ], { ...producer, checksum: crc32c });
  const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
  assert.equal(view.getInt32(8), batch.length - 12);
  assert.deepEqual([view.getBigInt64(27), view.getBigInt64(35)], [2_000n, 9_000n]);
  assert.deepEqual([view.getBigInt64(43), view.getInt16(51), view.getInt32(53)], [7n, 1, 5]);
});
