import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type AbortedTransaction,
  decodeBatches,
  type DecodeOptions,
} from "../../../adapters/kafka/record_batch.ts";
import {
  Attribute,
  concat,
  crc32c,
  encodeBatch,
  encodeMarker,
  type PlainBatch,
  type PlainRecord,
} from "./batches.ts";

const plain: DecodeOptions = {
  from: 0,
  end: Number.MAX_SAFE_INTEGER,
  aborted: [],
  decompress: () => assert.fail("nothing is compressed"),
  checksum: crc32c,
};

function row(offsetDelta: number, value: string | null = "v", timestampDelta = 0): PlainRecord {
  const bytes = value === null ? null : new TextEncoder().encode(value);
  return { offsetDelta, timestampDelta, key: null, value: bytes };
}

const anyBytes = fc.option(fc.uint8Array({ maxLength: 300 }), { nil: null });

/** A batch whose offsets and times go as far as numbers are exact. */
const anyBatch: fc.Arbitrary<PlainBatch> = fc.record({
  base: fc.oneof(fc.nat(1_000), fc.integer({ min: 2 ** 31, max: 2 ** 50 })),
  baseTimestampMs: fc.integer({ min: 0, max: 8.64e15 / 2 }),
  rows: fc.array(
    fc.record({
      gap: fc.oneof(fc.constant(0), fc.nat(70_000)),
      timestampDelta: fc.oneof(fc.integer(), fc.integer({ min: -(2 ** 51), max: 2 ** 51 })),
      key: anyBytes,
      value: anyBytes,
      headers: fc.array(fc.tuple(fc.string(), fc.uint8Array({ maxLength: 5 })), { maxLength: 2 }),
    }),
    { minLength: 1, maxLength: 20 },
  ),
  tail: fc.nat(5),
}).map(({ base, baseTimestampMs, rows, tail }) => {
  let delta = -1;
  const records = rows.map(({ gap, ...rest }) => ({ ...rest, offsetDelta: delta += 1 + gap }));
  return { base, baseTimestampMs, records, lastOffsetDelta: delta + tail };
});

Deno.test("whatever a batch holds comes back, from any offset on", () => {
  fc.assert(fc.property(anyBatch, fc.nat(25), fc.nat(10), (batch, skip, before) => {
    const last = batch.base + (batch.lastOffsetDelta ?? 0);
    const from = Math.min(batch.base + skip, last);
    const prefix = new Uint8Array(before); // Views must not depend on where the bytes begin.
    const bytes = concat([prefix, encodeBatch(batch)]).subarray(before);
    const { records, next, cutOff } = decodeBatches(bytes, { ...plain, from });
    assert.deepEqual(
      records,
      batch.records.map((it) => ({
        offset: batch.base + it.offsetDelta,
        timestampMs: (batch.baseTimestampMs ?? 0) + it.timestampDelta,
        key: it.key,
        value: it.value,
      })).filter(({ offset }) => offset >= from),
    );
    assert.deepEqual([next, cutOff], [last + 1, 0]);
  }));
});

Deno.test("values are views into the bytes, not copies", () => {
  const bytes = encodeBatch({ base: 0, records: [row(0, "abc")] });
  const [record] = decodeBatches(bytes, plain).records;
  assert.equal(record?.value?.buffer, bytes.buffer);
});

Deno.test("a batch that is cut off anywhere is left out, the ones before it are kept", () => {
  const first = encodeBatch({ base: 0, records: [row(0), row(1)] });
  const second = encodeBatch({ base: 2, records: [row(0), row(1)] });
  const both = concat([first, second]);
  for (let length = first.length; length < both.length; length++) {
    const { records, next, cutOff } = decodeBatches(both.subarray(0, length), plain);
    assert.deepEqual([records.length, next, cutOff], [2, 2, 0]);
  }
  assert.equal(decodeBatches(both, plain).next, 4);
});

Deno.test("a first batch that is cut off tells how many bytes it needs", () => {
  const bytes = encodeBatch({ base: 0, records: [row(0, "x".repeat(100))] });
  assert.equal(decodeBatches(bytes.subarray(0, 50), plain).cutOff, bytes.length);
  assert.equal(decodeBatches(bytes.subarray(0, 11), plain).cutOff, 0);
  assert.deepEqual(decodeBatches(new Uint8Array(0), { ...plain, from: 9 }), {
    records: [],
    next: 9,
    leaderEpoch: null,
    cutOff: 0,
  });
});

Deno.test("next moves past offsets that compaction took from the end of a batch", () => {
  const bytes = concat([
    encodeBatch({ base: 3, records: [row(1)], lastOffsetDelta: 6 }),
    encodeBatch({ base: 20, records: [], lastOffsetDelta: 4 }), // Kept for its producer's sake.
  ]);
  const { records, next } = decodeBatches(bytes, plain);
  assert.deepEqual([records.map(({ offset }) => offset), next], [[4], 25]);
  assert.deepEqual(decodeBatches(bytes, { ...plain, from: 22 }), {
    records: [],
    next: 25,
    leaderEpoch: 3,
    cutOff: 0,
  });
});

Deno.test("a batch stamped by arrival gives its time to all its records", () => {
  const stamped = encodeBatch({
    base: 0,
    attributes: Attribute.logAppendTime,
    baseTimestampMs: 5,
    maxTimestampMs: 1_700_000_000_000,
    records: [row(0, "v", 1), row(1, "v", 2)],
  });
  const times = decodeBatches(stamped, plain).records.map(({ timestampMs }) => timestampMs);
  assert.deepEqual(times, [1_700_000_000_000, 1_700_000_000_000]);
});

Deno.test("a record without a time says so", () => {
  const bytes = encodeBatch({ base: 0, baseTimestampMs: -1, records: [row(0)] });
  assert.equal(decodeBatches(bytes, plain).records[0]?.timestampMs, -1);
});

Deno.test("compressed records are decompressed, with the codec of the batch", () => {
  const flip = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => byte ^ 255);
  for (const codec of [1, 2, 3, 4]) {
    const bytes = encodeBatch({
      base: 0,
      attributes: codec,
      compress: flip,
      records: [row(0, "z")],
    });
    const seen: number[] = [];
    const { records } = decodeBatches(bytes, {
      ...plain,
      decompress: (wanted, content) => {
        seen.push(wanted);
        return flip(content);
      },
    });
    assert.deepEqual(seen, [codec]);
    assert.deepEqual(records[0]?.value, Uint8Array.of(122));
  }
});

Deno.test("records that can't be decompressed are refused with the codec's reason", () => {
  const bytes = encodeBatch({ base: 9, attributes: 1, records: [row(0)] });
  const cause = new Error("incorrect header check");
  const decompress = (): never => {
    throw cause;
  };
  assert.throws(() => decodeBatches(bytes, { ...plain, decompress }), {
    name: "BatchError",
    message: /offset 9 must be readable/,
    cause,
  });
});

Deno.test("nothing at or after the last stable offset is looked at", () => {
  const bytes = concat([
    encodeBatch({ base: 0, records: [row(0)] }),
    encodeBatch({ base: 1, records: [row(0)] }),
  ]);
  const { records, next } = decodeBatches(bytes, { ...plain, end: 1 });
  assert.deepEqual([records.length, next], [1, 1]);
});

Deno.test("a flipped bit anywhere under the checksum is found", () => {
  const bytes = encodeBatch({ base: 7, records: [row(0, "abc")] });
  for (let at = 21; at < bytes.length; at++) {
    const broken = bytes.slice();
    broken[at] = (broken[at] ?? 0) ^ 1;
    assert.throws(() => decodeBatches(broken, plain), {
      name: "BatchError",
      message: /checksum of the batch at offset 7/,
    });
  }
});

Deno.test("records that contradict their batch are refused, not read past it", () => {
  const good = encodeBatch({ base: 7, records: [row(0, "abc")] });
  const more = good.slice();
  new DataView(more.buffer).setInt32(57, 3); // Claims three records.
  assert.throws(() => decodeBatches(more, { ...plain, checksum: () => crcOf(more) }), {
    name: "BatchError",
    message: /offset 7 must be readable/,
  });
});

Deno.test("random bytes in a batch never do worse than a BatchError", () => {
  const noise = fc.record({
    bytes: fc.uint8Array({ minLength: 12, maxLength: 160, size: "max" }),
    length: fc.option(fc.integer({ min: -100, max: 100 }), { nil: null }),
    count: fc.integer({ min: -1, max: 4 }),
    attributes: fc.constantFrom(null, 0, 1, Attribute.control | Attribute.transactional),
  });
  let refused = 0;
  fc.assert(
    fc.property(noise, ({ bytes, length, count, attributes }) => {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      view.setBigInt64(0, 5n);
      view.setInt32(8, length ?? bytes.length - 12);
      if (bytes.length > 16) view.setInt8(16, 2);
      if (bytes.length >= 61) {
        if (attributes !== null) view.setInt16(21, attributes);
        view.setInt32(23, 3);
        view.setInt32(57, count);
      }
      try {
        const decoded = decodeBatches(bytes, { ...plain, checksum: () => crcOf(bytes) });
        assert.ok(decoded.next >= 0);
      } catch (error) {
        assert.ok(error instanceof Error && error.name === "BatchError", String(error));
        refused++;
      }
    }),
    { numRuns: 1_000 },
  );
  assert.ok(refused > 100, `only ${refused} of the batches were refused`);
});

Deno.test("an older record format is refused by name", () => {
  const bytes = encodeBatch({ base: 7, magic: 1, records: [row(0)] });
  assert.throws(() => decodeBatches(bytes, plain), {
    name: "BatchError",
    message: /format at offset 7 must be 2, got 1/,
  });
});

const endings: readonly Step[] = [0, 1, 2].map((producer) => ({
  kind: "end",
  producer,
  type: "commit",
}));

/** One step of several producers on one partition. */
type Step =
  | { readonly kind: "plain" }
  | { readonly kind: "write"; readonly producer: number; readonly records: number }
  | { readonly kind: "end"; readonly producer: number; readonly type: "commit" | "abort" };

const anyProducer = fc.integer({ min: 0, max: 2 });
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant("plain" as const) }),
  fc.record({
    kind: fc.constant("write" as const),
    producer: anyProducer,
    records: fc.integer({ min: 1, max: 3 }),
  }),
  fc.record({
    kind: fc.constant("end" as const),
    producer: anyProducer,
    type: fc.constantFrom("commit" as const, "abort" as const),
  }),
);

/** Mostly one producer after the other, so that aborted and committed transactions alternate. */
const anyHistory = fc.record({
  steps: fc.array(anyStep, { minLength: 5, maxLength: 60, size: "max" }),
  // Transactions that stay open hide what follows them; mostly they are ended.
  endAll: fc.oneof({ weight: 3, arbitrary: fc.constant(true) }, fc.constant(false)),
  from: fc.nat(30),
});

Deno.test("of interleaved transactions exactly the committed records are read, from any offset", () => {
  let filtered = 0;
  fc.assert(
    fc.property(anyHistory, ({ steps, endAll, from: start }) => {
      const log = runTransactions([...steps, ...endAll ? endings : []]);
      const from = Math.min(start, log.end);
      const aborted = log.abortedFrom(from);
      const { records, next } = decodeBatches(log.bytesFrom(from), {
        ...plain,
        from,
        end: log.end,
        aborted,
      });
      assert.deepEqual(
        records.map(({ offset }) => offset),
        log.committed.filter((offset) => offset >= from && offset < log.end),
      );
      if (log.end > from) assert.equal(next, log.end);
      if (aborted.length > 1 && records.length > 0) filtered++;
    }),
    { numRuns: 300 },
  );
  assert.ok(filtered > 100, `only ${filtered} histories had much to tell apart`);
});

/** Plays the steps as a broker would, ending at the last stable offset. */
function runTransactions(steps: readonly Step[]): {
  end: number;
  committed: number[];
  bytesFrom(offset: number): Uint8Array;
  abortedFrom(offset: number): AbortedTransaction[];
} {
  const open = new Map<number, number[]>();
  const committed: number[] = [];
  const aborted: (AbortedTransaction & { readonly marker: number })[] = [];
  const batches: { readonly last: number; readonly bytes: Uint8Array }[] = [];
  let next = 0;
  for (const step of steps) {
    if (step.kind === "plain") {
      committed.push(next);
      batches.push({ last: next, bytes: encodeBatch({ base: next, records: [row(0)] }) });
      next += 1;
      continue;
    }
    const producerId = BigInt(step.producer);
    if (step.kind === "write") {
      const deltas = Array.from({ length: step.records }, (_, i) => i);
      open.set(step.producer, [
        ...open.get(step.producer) ?? [],
        ...deltas.map((delta) => next + delta),
      ]);
      const attributes = Attribute.transactional;
      const records = deltas.map((delta) => row(delta));
      const bytes = encodeBatch({ base: next, records, attributes, producerId });
      next += step.records;
      batches.push({ last: next - 1, bytes });
      continue;
    }
    const offsets = open.get(step.producer);
    if (offsets?.[0] === undefined) continue;
    open.delete(step.producer);
    if (step.type === "commit") committed.push(...offsets);
    else aborted.push({ producerId, firstOffset: offsets[0], marker: next });
    batches.push({ last: next, bytes: encodeMarker(next, producerId, step.type) });
    next += 1;
  }
  const firsts = [...open.values()].flatMap((offsets) => offsets.slice(0, 1));
  return {
    end: Math.min(next, ...firsts),
    committed: committed.sort((a, b) => a - b),
    bytesFrom: (offset) =>
      concat(batches.filter(({ last }) => last >= offset).map(({ bytes }) => bytes)),
    // A broker lists the aborted transactions that reach into what it answers.
    abortedFrom: (offset) => aborted.filter(({ marker }) => marker >= offset),
  };
}

function crcOf(bytes: Uint8Array): number {
  return bytes.length < 21 ? 0 : new DataView(bytes.buffer, bytes.byteOffset).getUint32(17);
}
