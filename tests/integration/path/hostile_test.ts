/**
 * Hostile content on the whole path: what is invalid lands on the invalid topic with its reason and
 * its place, and what is valid comes out as it went in, however it looks.
 */

import assert from "node:assert/strict";
import type { OutRecord } from "../../../adapters/kafka/log.ts";
import type { InvalidReason } from "../../../core/fold/decode.ts";
import { checkAgainstOracle, resultsOf } from "../_support/oracle.ts";
import { pathTest } from "../_support/path_tests.ts";
import { sideRecords } from "../_support/side_records.ts";
import { writeInTransaction } from "../_support/transactions.ts";

const AT = '"2021-03-01T00:00:01Z"';
const utf8 = new TextEncoder();

/** Keys that come out as they went in. */
const KEYS = [
  ...["__proto__", "constructor", "toString", "", " ", "1", "null", "\u0000\n\u001b[31m"],
  ...["<img src=x onerror=alert(1)>", "'; DROP TABLE windows; --", "${jndi:ldap://x}"],
  ...[
    "\ud800",
    "\udc00\ud800",
    "\u{1f600}",
    "\u2028",
    "e\u0301",
    "\u00e9",
    "\\",
    '"',
    "x".repeat(252),
  ],
  ...[1, -0, 1.5e-7, 1e21, true, false, null],
];

function json(who: unknown, n: number | string = 1, at: string = AT): string {
  return `{"who":${JSON.stringify(who)},"n":${n},"at":${at}}`;
}

/** Records that are no event, with the reason that the invalid topic gives. */
const INVALID: readonly (readonly [
  what: string,
  value: string | Uint8Array | null,
  reason: InvalidReason,
  path: string,
])[] = [
  ["a tombstone", null, "null-value", ""],
  ["an empty value", "", "json", ""],
  ["no UTF-8", Uint8Array.of(0x22, 0xff, 0x22), "utf8", ""],
  ["an encoded surrogate", Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22), "utf8", ""],
  ["a byte order mark", `\ufeff${json("a")}`, "json", ""],
  ["half an object", json("a").slice(0, 20), "json", ""],
  ["two objects", `${json("a")}${json("b")}`, "json", ""],
  ["a neighbour's first half", '{"a":1},{"b":[{}', "json", ""],
  ["a neighbour's second half", "{}]}", "json", ""],
  ["a list", `[${json("a")}]`, "schema", ""],
  ["null", "null", "schema", ""],
  ["no key", `{"n":1,"at":${AT}}`, "schema", "who"],
  ["an object as key", `{"who":{},"n":1,"at":${AT}}`, "schema", "who"],
  ["a text as number", `{"who":"a","n":"1","at":${AT}}`, "schema", "n"],
  ["infinity", json("a", "1e999"), "schema", "n"],
  ["an integer that a double can't hold", json("a", "9007199254740993"), "number", "n"],
  ["a number that could overflow", json("a", "1e300"), "number", "n"],
  ["a key that a double can't hold", `{"who":9007199254740993,"n":1,"at":${AT}}`, "number", "who"],
  ["a key too long", json("x".repeat(253)), "key", ""],
  ["a key of a megabyte", json("x".repeat(1_000_000)), "key", "who"],
  ["a time without zone", json("a", 1, '"2021-03-01T00:00:01"'), "time", "at"],
  ["a day that isn't", json("a", 1, '"2021-02-29T00:00:01Z"'), "time", "at"],
  ["a time beyond dates", json("a", 1, "8640000000000001"), "time", "at"],
  ["a time whose window has no date", json("a", 1, "8640000000000000"), "time", "at"],
  ["a century ahead", json("a", 1, '"2121-03-01T00:00:01Z"'), "skewed", "at"],
];

/** Valid records that look as if they were not. */
const VALID: readonly string[] = [
  ...KEYS.map((key) => json(key)),
  // As an event of a key of its own, since a filter or a reject would hide it.
  json("filtered", 13),
  json("minus nothing", "-0"),
  json("tiny", "5e-324"),
  json("largest", "9007199254740991"),
  json("large", "9.7e288"),
  json("rounded", "9007199254740993.0"),
  `{"who":"twice","who":"last counts","n":2,"n":3,"at":${AT}}`,
  `{"who":"extra","n":1,"at":${AT},"__proto__":{"n":5},"x":1e999,"y":${"[".repeat(2_000)}${
    "]".repeat(2_000)
  }}`,
  `{"who":"a megabyte","n":1,"at":${AT},"x":"${"\u007f".repeat(1_000_000)}"}`,
  ` \t\r\n${json("spaces")}\n`,
];

pathTest("hostile content lands where it should", async (world) => {
  const pipeline = await world.pipeline({ definition: "scalars" });
  const { topic, invalidTopic } = pipeline.plan;
  await world.createTopic(topic, 2);
  const records: OutRecord[] = [
    ...INVALID.map(([, value]) => ({ key: null, value, partition: 0 })),
    ...VALID.map((value) => ({ key: "<script>", value, partition: 1 })),
    // Neighbours of all kinds in one partition: none may spoil another.
    ...INVALID.flatMap(([, value], i) => [
      { key: value, value: VALID[i % VALID.length] ?? null, partition: 1 },
      { key: "k", value, partition: 1 },
    ]),
  ].filter((record) => (record.key?.length ?? 0) < 1_000);
  await world.send(topic, records);
  // Only what is committed counts; the marks of the transactions take offsets all the same.
  await writeInTransaction(topic, 0, [json("committed"), json("committed")], "commit");
  await writeInTransaction(topic, 0, [json("aborted"), json("aborted", 1, '"2022"')], "abort");
  const after = { key: null, value: json("after the transactions"), partition: 0 };
  await world.send(topic, [after]);

  const run = await world.start(pipeline);
  const account = await world.phase("drain", () => run.untilDrained());
  const { counts } = await world.phase(
    "check",
    () => checkAgainstOracle(pipeline, { ...world, generation: run.generation, account }),
  );
  assert.equal(counts.read, records.length + 3);

  const rejects = await sideRecords(world.reader, invalidTopic);
  for (const [offset, [what, value, reason, path]] of INVALID.entries()) {
    const record = rejects.get(`${topic}/0/${offset}`);
    assert.deepEqual([record?.reason, record?.path], [reason, path], what);
    assert.deepEqual([record?.partition, record?.offset, record?.topic], [0, offset, topic]);
    const bytes = typeof value === "string" ? utf8.encode(value) : value;
    if (bytes === null) assert.equal(record?.value, null);
    else if (bytes.length > 65_536) {
      assert.deepEqual([record?.truncated, record?.bytes], [true, bytes.length]);
    } else if (record?.valueBase64 !== undefined) {
      assert.deepEqual(Uint8Array.fromBase64(record.valueBase64), bytes, what);
    } else assert.deepEqual(utf8.encode(record?.value ?? ""), bytes, what);
  }

  const rows = await resultsOf(pipeline);
  const keys = rows.map((row) => row.key["who"]);
  // JSON has a minus nothing, and JSON text of it has not.
  for (const key of KEYS) assert.ok(keys.includes(JSON.parse(JSON.stringify(key))), String(key));
  assert.ok(!keys.includes("filtered") && keys.includes("a megabyte"));
  assert.ok(keys.includes("committed") && !keys.includes("aborted"));
  const sorted = rows.map((row) => JSON.stringify([row.key["who"]]));
  assert.deepEqual(sorted, sorted.toSorted(), "rows are sorted by their canonical key");
});
