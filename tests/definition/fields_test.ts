import assert from "node:assert/strict";
import fc from "fast-check";
import { z } from "zod";
import { SliceFold } from "../../core/fold/fold.ts";
import { count, definePipeline, type EventSchema, sum, tumbling } from "../../definition/define.ts";

const { reader } = definePipeline({
  name: "orders",
  source: { topic: "orders" },
  event: z.object({
    at: z.number(),
    total: z.number().min(0),
    lines: z.array(z.object({ sku: z.string() })),
    buyer: z.object({ "e-mail": z.string() }).optional(),
  }),
  eventTime: "at",
  watermark: { delay: "1m" },
  window: tumbling("10s"),
  where: (e) => e.total > 10,
  groupBy: [],
  aggregates: { total: sum("total"), orders: count() },
});

Deno.test("an event that keeps to the schema comes without what the schema doesn't name", () => {
  const value = { at: 1, total: 5, lines: [{ sku: "a", hidden: 1 }], secret: "x" };
  assert.deepEqual(reader.check(value), {
    ok: true,
    event: { at: 1, total: 5, lines: [{ sku: "a" }] },
  });
});

Deno.test("the first failing path is named as in code, and the input is not shown", () => {
  const good = { at: 1, total: 5, lines: [] };
  const cases: [unknown, string, RegExp][] = [
    [{ ...good, total: "hunter2" }, "total", /expected number, received string/],
    [{ ...good, total: -1 }, "total", />=0/],
    [{ ...good, lines: [{ sku: "a" }, { sku: 7 }] }, "lines[1].sku", /expected string/],
    [{ ...good, buyer: { "e-mail": null } }, 'buyer["e-mail"]', /received null/],
    [{ at: 1, total: 5 }, "lines", /received undefined/],
    [null, "", /expected object, received null/],
    [[good], "", /expected object, received array/],
    ["hunter2", "", /expected object, received string/],
  ];
  for (const [value, path, message] of cases) {
    const result = reader.check(value);
    assert.ok(!result.ok);
    assert.equal(result.path, path);
    assert.match(result.message, message);
    assert.ok(!result.message.includes("hunter2"));
  }
});

Deno.test("long paths and messages are cut", () => {
  const wordy = definePipeline({
    name: "wordy",
    source: { topic: "wordy" },
    event: z.strictObject({ at: z.number() }),
    eventTime: "at",
    watermark: { delay: "0" },
    window: tumbling("1s"),
    groupBy: [],
    aggregates: { n: count() },
  });
  const result = wordy.reader.check({ at: 1, ["x".repeat(5000)]: 1 });
  assert.ok(!result.ok && result.message.length <= 201 && result.message.endsWith("…"));
});

Deno.test("an event that a transform turns into a list is refused", () => {
  const listed = definePipeline({
    name: "listed",
    source: { topic: "listed" },
    event: z.looseObject({}).transform((e): { at: number } => Object.values(e) as never),
    eventTime: "at",
    watermark: { delay: "0" },
    window: tumbling("1s"),
    groupBy: [],
    aggregates: { n: count() },
  });
  assert.deepEqual(listed.reader.check({ at: 1 }), {
    ok: false,
    path: "",
    message: "Invalid input: expected object, received array",
  });
});

Deno.test("the filter sees the event as the schema gives it", () => {
  const checked = reader.check({ at: 1, total: 11, lines: [] });
  assert.ok(checked.ok);
  assert.equal(reader.where?.(checked.event), true);
  assert.equal(reader.where?.({ ...checked.event, total: 10 }), false);
});

Deno.test("property: any JSON is let through or refused, never worse", () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => {
    const result = reader.check(value);
    assert.equal(typeof result.ok, "boolean");
  }));
});

/** What a pipeline over this schema makes of records, given as JSON text: `ok` or the reason. */
function outcomes(event: EventSchema, texts: readonly string[], groupBy: readonly string[] = []) {
  const { plan, reader } = definePipeline<EventSchema>({
    name: "exact",
    source: { topic: "exact" },
    event,
    eventTime: "at" as never,
    watermark: { delay: "1s" },
    window: tumbling("10s"),
    groupBy: groupBy as never[],
    aggregates: { n: count() },
  });
  const fold = new SliceFold(plan, reader, { maxEventTime: null, floor: null });
  const records = texts.map((_, offset) => ({ offset, timestampMs: -1, value: null }));
  const decoded = texts.map((text) => ({ ok: true, value: JSON.parse(text) }) as const);
  fold.add(records, decoded, (i) => texts[i] ?? "");
  const rejects = new Map(
    fold.takeRejects().map(({ offset, reason, path }) => [
      offset,
      `${reason} ${path}`,
    ]),
  );
  return texts.map((_, i) => rejects.get(i) ?? "ok");
}

const LARGE = "9007199254740993";

Deno.test("integers that JSON changes are invalid, whatever the schema makes of them", () => {
  const at = z.number();
  const schemas: [EventSchema, string][] = [
    [z.object({ at, x: z.number().transform((v) => v % 1000) }), LARGE],
    [z.object({ at, x: z.number().transform(String) }), LARGE],
    [z.object({ at, x: z.coerce.string() }), LARGE],
    [z.object({ at, x: z.coerce.bigint().transform(() => 1) }), `-${LARGE}`],
    [z.object({ at, x: z.preprocess((v) => Number(v) / 1e9, z.number()) }), LARGE],
    [z.object({ at, x: z.union([z.string(), z.number().transform(String)]) }), LARGE],
    [z.object({ at, x: z.number().overwrite((v) => v % 7).optional() }), LARGE],
    [z.object({ at, x: z.array(z.number()).transform((v) => v.length) }), `[1,${LARGE}]`],
    [z.object({ at, x: z.unknown().transform(() => "x") }), `{"id":{"n":${LARGE}}}`],
    [z.object({ at, x: z.object({ id: z.number() }) }), `{"id":${LARGE}}`],
    [z.object({ at, x: z.literal([1, 2 ** 53]).nullable() }), "9007199254740992"],
    [z.object({ at, x: z.record(z.string(), z.number()) }), `{"a":${LARGE}}`],
    [z.object({ at, x: z.number() }).transform(({ at, x }) => ({ at, y: x % 10 })), LARGE],
    [z.preprocess((given) => given, z.object({ at, x: z.number().transform(String) })), LARGE],
    [z.object({ at }).and(z.object({ x: z.number().transform(String) })), LARGE],
    [
      z.discriminatedUnion("kind", [
        z.object({ kind: z.literal("a"), at, x: z.number().transform(String) }),
        z.object({ kind: z.literal("b"), at }),
      ]),
      LARGE,
    ],
  ];
  for (const [i, [schema, x]] of schemas.entries()) {
    const text = `{"kind":"a","at":1,"x":${x}}`;
    assert.deepEqual(outcomes(schema, [text]), ["number x"], `schema ${i}`);
  }
});

Deno.test("a text that the schema makes a number of is no key and no summand beyond 2^53", () => {
  const event = z.object({ at: z.number(), id: z.coerce.number() });
  const texts = ["9007199254740991", "-5e-324", LARGE, "9007199254740992", "1e300", "1e999"]
    .map((id) => `{"at":1,"id":"${id}"}`);
  assert.deepEqual(outcomes(event, texts, ["id"]), [
    ...["ok", "ok", "number id", "number id", "number id"],
    // Zod itself takes no infinite number.
    "schema id",
  ]);
  const renamed = z.object({ at: z.number(), id: z.string() })
    .transform(({ at, id }) => ({ at, key: Number(id) }));
  assert.deepEqual(outcomes(renamed, texts.slice(0, 3), ["key"]), ["ok", "ok", "number key"]);
});

Deno.test("large integers where the schema looks at no number are let through", () => {
  const event = z.object({
    at: z.number(),
    name: z.string(),
    flag: z.boolean().optional(),
    kind: z.enum(["a", "b"]).default("a"),
    place: z.object({
      city: z.string(),
      get within() {
        return z.array(z.object({ city: z.string() }));
      },
    }).optional(),
  });
  assert.deepEqual(
    outcomes(event, [
      `{"at":1,"name":"${LARGE}","trace":${LARGE}}`,
      `{"at":1,"name":"x","place":{"city":"y","id":${LARGE},"within":[{"city":"z","id":${LARGE}}]}}`,
      `{"at":1,"name":"x","deep":${"[".repeat(9_000)}${LARGE}${"]".repeat(9_000)}}`,
      `{"at":1.0,"name":"x","trace":1e999}`,
    ]),
    ["ok", "ok", "ok", "ok"],
  );
  const any = z.object({ at: z.number(), any: z.unknown() });
  const deep = `{"at":1,"any":${"[".repeat(9_000)}${LARGE}${"]".repeat(9_000)}}`;
  assert.deepEqual(outcomes(any, [deep, deep.replace(LARGE, "1")]), ["number any", "ok"]);
});
