import assert from "node:assert/strict";
import { decodeOne } from "../../../core/fold/decode.ts";
import { checkAdded, type EventReader, type FoldPlan, SliceFold } from "../../../core/fold/fold.ts";
import { tumbling } from "../../../core/event_time/windows.ts";

const plan: FoldPlan = {
  windowing: tumbling(10),
  delayMs: 2,
  latenessMs: 0,
  maxAheadMs: 50,
  groupBy: ["k", "group"],
  aggregates: [
    { name: "n", kind: "sum", field: "n" },
    { name: "weight", kind: "sum", field: "weight" },
  ],
  shards: 1,
};
const reader: EventReader = {
  check: (value) => ({ ok: true, event: Object(value) }),
  eventTimeField: "t",
  where: (event) => event["group"] !== "left out",
  numericFields: ["n"],
  adds: {
    names: ["group", "weight", "rank"],
    check: (value) => ({ ok: true, event: Object(value) }),
  },
};

/** Folds one event with what is added to it; gives the reason and path of its reject. */
function judge(event: object, added: Record<string, unknown> | string, timestampMs = -1) {
  const fold = new SliceFold(plan, reader, { maxEventTime: null, floor: null });
  const text = JSON.stringify(event);
  const value = new TextEncoder().encode(text);
  const decoded = decodeOne(value, (bytes) => new TextDecoder().decode(bytes));
  const checked = fold.check({ offset: 0, timestampMs, value }, decoded, () => text);
  assert.equal(fold.counts.read, 0);
  fold.addChecked(
    checked,
    typeof added === "string"
      ? { ok: false, path: "", message: added }
      : { ok: true, event: added },
  );
  assert.equal(fold.counts.read, 1);
  const [reject] = fold.takeRejects();
  const [cell] = fold.windows()[0]?.cells ?? [];
  return reject === undefined
    ? { key: cell?.[0] ?? null, filtered: fold.counts.filtered }
    : [reject.kind, reject.reason, reject.path];
}

const event = { k: "a", n: 1, t: 5 };
const good = { group: "g", weight: 2 };

Deno.test("an enriched event is grouped, summed up and filtered by what was added", () => {
  assert.deepEqual(judge(event, good), { key: '["a","g"]', filtered: 0 });
  assert.deepEqual(judge(event, { group: "left out", weight: 2 }), { key: null, filtered: 1 });
});

Deno.test("an enriched event is judged in order: itself, skew, enrichment, key, filter", () => {
  assert.deepEqual(judge({ ...event, n: "1" }, "down"), ["invalid", "number", "n"]);
  assert.deepEqual(judge({ ...event, t: "x" }, "down"), ["invalid", "time", "t"]);
  assert.deepEqual(judge({ ...event, t: 500, k: [] }, "down", 5), ["skewed", "skewed", "t"]);
  assert.deepEqual(judge({ ...event, k: [] }, "down"), ["invalid", "enrich", ""]);
  assert.deepEqual(judge({ ...event, k: [] }, { ...good, weight: 1e300 }), [
    "invalid",
    "number",
    "weight",
  ]);
  assert.deepEqual(judge({ ...event, k: [] }, good), ["invalid", "key", "k"]);
  assert.deepEqual(judge(event, { ...good, group: "g".repeat(300) }), ["invalid", "key", "group"]);
});

Deno.test("added numbers are exact or invalid", () => {
  const largest = Number.MAX_SAFE_INTEGER;
  for (const weight of [largest, -largest, 0.1, 0, -0]) {
    assert.deepEqual(judge(event, { ...good, weight }), { key: '["a","g"]', filtered: 0 });
  }
  for (const weight of [largest + 1, -largest - 1, 1e288, NaN, Infinity, "2", null, undefined]) {
    assert.deepEqual(judge(event, { ...good, weight }), ["invalid", "number", "weight"]);
  }
  // One that nothing is computed of may be absent, but not wrong.
  assert.deepEqual(judge(event, { ...good, rank: NaN }), ["invalid", "number", "rank"]);
  assert.deepEqual(judge(event, { ...good, rank: "high" }), { key: '["a","g"]', filtered: 0 });
});

Deno.test("a check of added fields that throws says so", () => {
  const names = ["x"];
  const check = () => {
    throw new Error("odd");
  };
  assert.deepEqual(checkAdded({ names, check }, {}), {
    ok: false,
    path: "",
    message: "the schema's check threw: odd",
  });
});
