import assert from "node:assert/strict";
import fc from "fast-check";
import { z } from "zod";
import { count, definePipeline, sum, tumbling } from "../../definition/define.ts";

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
