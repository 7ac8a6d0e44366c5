import assert from "node:assert/strict";
import { type DrainAnswer, LoadModel } from "../../../processes/control/load.ts";
import { createFakeLog } from "../../fake_log/fake_log.ts";

/** A model over a log of two partitions, with a clock of its own. */
async function openLoad(answers: Partial<Record<number, DrainAnswer>> = {}) {
  const log = createFakeLog();
  await log.admin.createTopics([{ topic: "t", partitions: 2 }]);
  const state = { nowMs: 1_000_000, asked: [] as number[], endsRead: 0, broken: false };
  const load = new LoadModel({
    partitions: () => [0, 1],
    ends(partitions) {
      state.endsRead += 1;
      if (state.broken) return Promise.reject(new Error("away"));
      return log.reader.ends("t", partitions);
    },
    ask(partition) {
      state.asked.push(partition);
      const answer = answers[partition];
      return answer === undefined ? Promise.reject(new Error("away")) : Promise.resolve(answer);
    },
    now: () => state.nowMs,
  });
  const send = (partition: number, count: number) =>
    log.writer.send(
      "t",
      Array.from({ length: count }, () => ({ key: null, value: "x", partition })),
    );
  return { load, state, send };
}

const ACTIVE: DrainAnswer = { mode: "active", cursor: 7, until: null, held: false };

function folded(partition: number, from: number, to: number, endedAtMs: number) {
  return { partition, note: { partition, from, to, worker: "w", endedAtMs, busyMs: 500 } };
}

Deno.test("nothing is known at first, and drains that are not heard of are asked", async () => {
  const { load, state } = await openLoad({ 0: ACTIVE });
  assert.equal(load.workerRate, null);
  const look = await load.look();
  assert.deepEqual(look, [
    { partition: 0, cursor: 7, end: 7 },
    { partition: 1, cursor: null, end: 0 },
  ]);
  assert.deepEqual(state.asked, [0, 1]);
  // Not again at once.
  await load.look();
  assert.deepEqual(state.asked, [0, 1]);
  state.nowMs += 5_000;
  await load.look();
  assert.deepEqual(state.asked, [0, 1, 0, 1]);
});

Deno.test("while all partitions wait at their end, the broker is asked now and then", async () => {
  const { load, state, send } = await openLoad();
  await send(0, 3);
  await send(1, 4);
  load.awaiting(0, 3);
  load.awaiting(1, 4);
  assert.ok(load.quiet);
  assert.equal(load.inFlight, 0);
  const looks = [];
  for (let second = 0; second < 11; second++) {
    looks.push(await load.look());
    state.nowMs += 1_000;
  }
  for (const look of looks) {
    assert.deepEqual(look, [
      { partition: 0, cursor: 3, end: 3 },
      { partition: 1, cursor: 4, end: 4 },
    ]);
  }
  assert.deepEqual([state.endsRead, state.asked], [3, []]);
});

Deno.test("a topic that is at rest is unknown as soon as the broker is away", async () => {
  const { load, state } = await openLoad();
  load.awaiting(0, 0);
  load.awaiting(1, 0);
  await load.look();
  state.broken = true;
  const woken = load.changed();
  load.broker("refused");
  await woken;
  assert.deepEqual((await load.look()).map(({ end }) => end), [null, null]);
  assert.ok(!load.quiet);
  state.broken = false;
  assert.deepEqual((await load.look()).map(({ end }) => end), [0, 0]);
});

Deno.test("a topic that is at rest is unknown when a silent broker was not noticed otherwise", async () => {
  const { load, state } = await openLoad();
  load.awaiting(0, 0);
  load.awaiting(1, 0);
  await load.look();
  state.broken = true;
  state.nowMs += 5_000;
  assert.deepEqual((await load.look()).map(({ end }) => end), [null, null]);
});

Deno.test("a record wakes who looks, and is lag until it is folded", async () => {
  const { load, send } = await openLoad();
  load.awaiting(0, 0);
  load.awaiting(1, 0);
  const woken = load.changed();
  await send(1, 3);
  load.awaited(1, { kind: "records", end: 3 });
  await woken;
  assert.ok(!load.quiet);
  assert.equal(load.inFlight, 1);
  assert.deepEqual((await load.look())[1], { partition: 1, cursor: 0, end: 3 });
  load.delivered(folded(1, 0, 3, 1_000_500));
  assert.deepEqual((await load.look())[1], { partition: 1, cursor: 3, end: 3 });
  load.awaiting(1, 3);
  assert.equal(load.inFlight, 0);
});

Deno.test("slices tell the rate of a worker for some seconds", async () => {
  const { load, state } = await openLoad();
  load.delivered(folded(0, 0, 6, 1_000_000));
  load.delivered(folded(1, 0, 6, 1_001_000));
  load.delivered({ partition: 1, note: null });
  assert.equal(load.workerRate, 12);
  assert.deepEqual(load.loads, [{ worker: "w", offsets: 12, busyMs: 1_000 }]);
  state.nowMs += 60_000;
  assert.equal(load.workerRate, null);
});

Deno.test("partitions that workers can't get on with are left out", async () => {
  for (
    const answer of [
      { ...ACTIVE, mode: "stopped" },
      { ...ACTIVE, mode: "excluded" },
      { ...ACTIVE, mode: "parked" },
      { ...ACTIVE, held: true },
    ] as const
  ) {
    const { load } = await openLoad({ 0: answer, 1: ACTIVE });
    assert.deepEqual((await load.look()).map(({ partition }) => partition), [1]);
    assert.equal(load.inFlight, 1);
    // It goes on: it is there again.
    load.awaiting(0, 9);
    assert.deepEqual((await load.look()).map(({ partition }) => partition), [0, 1]);
  }
});

Deno.test("the fixed end of a bounded run is the end", async () => {
  const { load, send } = await openLoad({ 0: { ...ACTIVE, cursor: 1, until: 2 }, 1: ACTIVE });
  await send(0, 5);
  assert.deepEqual((await load.look())[0], { partition: 0, cursor: 1, end: 2 });
});

Deno.test("while the broker is away, ends are not known", async () => {
  const { load, state, send } = await openLoad({ 0: ACTIVE, 1: ACTIVE });
  await send(0, 9);
  assert.equal((await load.look())[0]?.end, 9);
  state.broken = true;
  assert.deepEqual((await load.look()).map(({ end }) => end), [null, null]);
});

Deno.test("what was heard while a drain was asked is newer than its answer", async () => {
  const { load, state } = await openLoad({ 0: ACTIVE, 1: { ...ACTIVE, mode: "stopped" } });
  const looking = load.look();
  state.nowMs += 1;
  load.awaiting(1, 12);
  assert.deepEqual((await looking).map(({ partition }) => partition), [0, 1]);
});
