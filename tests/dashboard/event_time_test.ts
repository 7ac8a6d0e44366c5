import assert from "node:assert/strict";
import { foldUp } from "../../dashboard/server/event_time.ts";
import { Model } from "../../dashboard/server/model.ts";
import type { PartitionView } from "../../dashboard/server/state.ts";
import { BASE_MS, Driven, modelOptions } from "./driven.ts";

function views(count: number, changed: Readonly<Record<number, Partial<PartitionView>>> = {}) {
  return Array.from({ length: count }, (_, partition): PartitionView => ({
    ...{ partition, state: "active", lag: 1 },
    watermark: BASE_MS + partition * 1_000,
    maxEventTime: BASE_MS + partition * 1_000 + 60_000,
    ...changed[partition],
  }));
}

const numbers = (all: readonly PartitionView[]) => all.map(({ partition }) => partition);

Deno.test("twelve partitions are shown one by one, by number", () => {
  const twelve = views(12, { 3: { state: "stopped" } }).toReversed().toSorted((a, b) =>
    a.partition - b.partition
  );
  assert.deepEqual(foldUp(twelve), { shown: twelve, folded: null });
});

Deno.test("of many, those that don't go on, the slowest and the fastest are shown", () => {
  const { shown, folded } = foldUp(views(64, {
    20: { state: "held" },
    30: { state: "stopped" },
    40: { state: "transaction" },
    50: { state: "trouble" },
    10: { state: "idle", watermark: BASE_MS - 1_000_000 },
  }));
  assert.deepEqual(numbers(shown), [0, 1, 2, 3, 20, 30, 40, 50, 60, 61, 62, 63]);
  assert.deepEqual(folded, {
    ...{ count: 52, idle: 1, from: BASE_MS - 1_000_000, to: BASE_MS + 59_000, lag: 52 },
    maxEventTime: BASE_MS + 119_000,
  });
});

Deno.test("no more than sixteen are shown, the worst first to be chosen", () => {
  const troubled = Object.fromEntries(
    Array.from({ length: 30 }, (_, i) => [i + 10, { state: i < 25 ? "held" : "stopped" } as const]),
  );
  const { shown, folded } = foldUp(views(1_000, troubled));
  assert.equal(shown.length, 16);
  assert.equal(folded?.count, 984);
  assert.deepEqual(numbers(shown.filter(({ state }) => state === "stopped")), [35, 36, 37, 38, 39]);
  assert.deepEqual(numbers(shown.filter(({ state }) => state === "held")), [10, 11, 12]);
});

Deno.test("where none holds the watermark, idle ones are shown; one without a time comes first", () => {
  const idle = views(20).map((view) => ({ ...view, state: "idle" as const }));
  assert.deepEqual(numbers(foldUp(idle).shown), [0, 1, 2, 3, 16, 17, 18, 19]);
  assert.equal(foldUp(idle).folded?.idle, 12);
  const { shown, folded } = foldUp(views(20, { 7: { watermark: null, lag: null } }));
  assert.equal(shown[0]?.partition, 7);
  assert.equal(folded?.lag, 12);
  const unknown = views(20).map((view) => ({ ...view, watermark: null, lag: null }));
  assert.deepEqual([foldUp(unknown).folded?.from, foldUp(unknown).folded?.lag], [null, null]);
});

Deno.test("64 partitions take no more room than sixteen", async () => {
  const size = async (partitions: number) => {
    const it = await Driven.open({ partitions });
    const model = new Model(modelOptions(() => it.nowMs));
    it.observe(model.monitor.watch);
    await model.attach(it.control());
    for (let p = 0; p < partitions; p++) await it.send(p, p * 100, 20_000 + p * 100);
    await it.sweep();
    await model.second(true);
    const { time, account } = model.state();
    assert.equal(account?.account.events.read, partitions * 2);
    assert.equal(account.state, "holds");
    assert.equal((time?.partitions.length ?? 0) + (time?.folded?.count ?? 0), partitions);
    return JSON.stringify(model.state()).length;
  };
  assert.ok(await size(64) < await size(12) * 1.2);
});
