import assert from "node:assert/strict";
import fc from "fast-check";
import {
  apiVersionsRequest,
  metadataRequest,
  readApiVersions,
  readMetadata,
} from "../../devstack/kafka_wire.ts";

/** Puts big-endian fields together: [bytes wide, value], or a string with its length. */
function bytes(...fields: (readonly [2 | 4, number] | string | null)[]): Uint8Array {
  const out: number[] = [];
  for (const field of fields) {
    if (field === null) out.push(0xff, 0xff);
    else if (typeof field === "string") {
      const text = new TextEncoder().encode(field);
      out.push(text.length >> 8, text.length & 0xff, ...text);
    } else {
      const [width, value] = field;
      for (let i = width - 1; i >= 0; i--) out.push(value >> (8 * i) & 0xff);
    }
  }
  return new Uint8Array(out);
}

const hex = (frame: Uint8Array) => frame.toHex();

Deno.test("requests: the very bytes", () => {
  const client = "0008" + "7469646567617465"; // "tidegate"
  assert.equal(hex(apiVersionsRequest(1)), "00000012" + "0012" + "0000" + "00000001" + client);
  assert.equal(
    hex(metadataRequest(2)),
    "00000017" + "0003" + "0004" + "00000002" + client + "00000000" + "00",
  );
});

Deno.test("readApiVersions: Metadata version 4 must be offered", () => {
  const answer = (min: number, max: number, error = 0) =>
    bytes([4, 1], [2, error], [4, 2], [2, 0], [2, 3], [2, 11], [2, 3], [2, min], [2, max]);
  assert.equal(readApiVersions(answer(0, 13), 1), true);
  assert.equal(readApiVersions(answer(0, 3), 1), false);
  assert.equal(readApiVersions(answer(5, 13), 1), false);
  assert.equal(readApiVersions(answer(0, 13, 35), 1), false, "an error code");
  assert.equal(readApiVersions(answer(0, 13), 9), false, "another request's answer");
  assert.equal(readApiVersions(bytes([4, 1], [2, 0], [4, 0]), 1), false, "offers nothing");
});

Deno.test("readMetadata: brokers and the cluster's id", () => {
  const node = [[4, 1], "127.0.0.1", [4, 19092], null] as const;
  const head = [[4, 2], [4, 0]] as const;
  assert.deepEqual(readMetadata(bytes(...head, [4, 1], ...node, "J5TZ0", [4, 1]), 2), {
    clusterId: "J5TZ0",
    brokers: 1,
  });
  assert.deepEqual(readMetadata(bytes(...head, [4, 0], null, [4, -1]), 2), {
    clusterId: null,
    brokers: 0,
  });
  assert.equal(readMetadata(bytes(...head, [4, 0], null), 3), null, "another request's answer");
});

Deno.test("answers of any other protocol are no answers", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (noise) => {
    // Cut before a possible end: never a whole answer to request 7.
    const answer = new Uint8Array([0, 0, 0, 7, ...noise.subarray(0, 5)]);
    assert.equal(readMetadata(answer, 7), null);
    assert.equal(readApiVersions(answer, 7), false);
  }));
});
