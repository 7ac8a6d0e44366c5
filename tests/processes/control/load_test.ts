import assert from "node:assert/strict";
import { tumbling } from "../../../core/event_time/windows.ts";
import { NO_SWEEP_COUNTS } from "../../../core/flow/counts.ts";
import { Drain, newDrain } from "../../../core/flow/drain.ts";
import type { SweepRequest, SweptPartition } from "../../../core/flow/sweep.ts";
import { viewOf } from "../../../core/flow/view.ts";
import { LoadModel } from "../../../processes/control/load.ts";
import { createFakeLog } from "../../fake_log/fake_log.ts";

const RULES = {
  generation: 1,
  topic: "t",
  topicId: null,
  windowing: tumbling(10_000),
  delayMs: 0,
  latenessMs: 0,
  idleAfterMs: 1_000,
  maxDriftMs: 1e9,
  paceMs: 5_000,
  sliceMs: 1_000,
  maxOpenWindows: 100,
  aggregates: [],
  deliverEveryMs: null,
  emitEveryMs: null,
};

/** A model over a log of two partitions and the drain that reads it, with a clock of its own. */
async function openLoad(until: number | null = null) {
  const log = createFakeLog();
  await log.admin.createTopics([{ topic: "t", partitions: 2 }]);
  const drain = new Drain(
    RULES,
    newDrain([{ partition: 0, cursor: 0, until }, { partition: 1, cursor: 0, until }], "code"),
  );
  const state = { nowMs: 1_000_000, endsRead: 0, isAway: false, told: [] as (string | null)[] };
  const load = new LoadModel({
    ends(partitions) {
      state.endsRead += 1;
      if (state.isAway) return Promise.reject(new Error("away"));
      return log.reader.ends("t", partitions);
    },
    now: () => state.nowMs,
    broker: (problem) => state.told.push(problem),
  });
  const decide = (): SweepRequest[] => {
    const { commands } = drain.decide(state.nowMs, { events: 0, bytes: 0, suggested: false });
    load.drained(viewOf(drain));
    return commands.flatMap((command) => command.kind === "sweep" ? [command.request] : []);
  };
  const send = (partition: number, count: number) =>
    log.writer.send(
      "t",
      Array.from({ length: count }, () => ({ key: null, value: "x", partition })),
    );
  /** The worker `w` answers a sweep, having read up to some offsets. */
  const answer = (request: SweepRequest, to: readonly number[], ends: readonly number[] = to) => {
    const records = request.partitions.reduce((sum, p, i) => sum + (to[i] ?? 0) - p.cursor, 0);
    const took = { ranMs: 500, busyMs: 500 };
    load.swept({ n: request.n, worker: "w", records, ...took });
    drain.swept({
      ...{ n: request.n, codeHash: "code", why: "pace", windows: [], attempt: 1, worker: "w" },
      ...{ ...took, topicPartitions: 2 },
      partitions: request.partitions.map((p, i): SweptPartition => ({
        ...{ partition: p.partition, from: p.cursor, to: to[i] ?? 0, end: ends[i] ?? 0 },
        ...{ highWatermark: ends[i] ?? 0, maxEventTime: null, firstEventTime: null },
        counts: { ...NO_SWEEP_COUNTS, read: (to[i] ?? 0) - p.cursor, filtered: to[i] ?? 0 },
        ...{ looked: { confirmedMs: 0, moved: false }, found: false, hollow: false },
        ...{ openTransaction: null, leaderEpoch: null, last: null, failure: null },
      })),
    });
  };
  const only = (requests: readonly SweepRequest[]): SweepRequest => {
    const [request] = requests;
    if (request === undefined || requests.length > 1) throw new Error("not one sweep");
    return request;
  };
  return { load, state, drain, decide, send, answer, only };
}

Deno.test("nothing is known before the drain has said a word", async () => {
  const { load, decide } = await openLoad();
  assert.equal(load.view, null);
  assert.equal(load.workerRate, null);
  assert.ok(!load.quiet);
  assert.deepEqual(await load.look(), []);
  decide();
  assert.deepEqual(await load.look(), [
    { partition: 0, cursor: 0, end: 0 },
    { partition: 1, cursor: 0, end: 0 },
  ]);
});

Deno.test("while nothing is at hand, the broker is asked now and then", async () => {
  const { load, state, decide } = await openLoad();
  decide();
  assert.ok(load.quiet);
  assert.equal(load.inFlight, 0);
  for (let second = 0; second < 11; second++) {
    await load.look();
    state.nowMs += 1_000;
  }
  assert.equal(state.endsRead, 3);
});

Deno.test("a record of which nobody has told is found in the broker's ends", async () => {
  const { load, state, decide, send } = await openLoad();
  decide();
  await load.look();
  await send(1, 3);
  const woken = load.changed();
  state.nowMs += 5_000;
  assert.deepEqual((await load.look())[1], { partition: 1, cursor: 0, end: 3 });
  await woken;
  assert.ok(!load.quiet);
});

Deno.test("a topic at rest is unknown once the broker is away, and known when it is back", async () => {
  const { load, state, decide } = await openLoad();
  decide();
  await load.look();
  state.isAway = true;
  state.nowMs += 5_000;
  assert.deepEqual((await load.look()).map(({ end }) => end), [null, null]);
  assert.ok(!load.quiet);
  assert.equal(load.brokerHealth.problem, "away");
  state.isAway = false;
  state.nowMs += 1_000;
  assert.deepEqual((await load.look()).map(({ end }) => end), [0, 0]);
  assert.deepEqual(state.told, [null, "away", null]);
});

Deno.test("what a worker says of its sweep is lag and speed before the sweep is over", async () => {
  const { load, drain, decide, answer, only } = await openLoad();
  drain.ready(1);
  const request = only(decide());
  const woken = load.changed();
  const partitions = [{ partition: 0, to: 4, end: 10 }, { partition: 1, to: 0, end: 0 }];
  load.progress("w", { n: request.n, folded: 4, busyMs: 400, at: null, partitions });
  await woken;
  assert.equal(load.inFlight, 1);
  assert.deepEqual(load.pages[0], {
    ...{ partition: 0, cursor: 4, end: 10, swept: true, foldable: true },
  });
  assert.equal(load.workerRate, 10);
  // The result counts only what was not told before.
  answer(request, [10, 0]);
  assert.deepEqual(load.loads, [{ worker: "w", records: 10, busyMs: 500 }]);
  decide();
  assert.equal(load.inFlight, 0);
  assert.deepEqual((await load.look())[0], { partition: 0, cursor: 10, end: 10 });
});

Deno.test("what a sweep knew before it began to fold keeps nobody from asking for the ends", async () => {
  const { load, state, drain, decide, send, only } = await openLoad();
  drain.ready(1);
  const { n } = only(decide());
  await send(0, 10);
  const say = (to: number) => {
    const partitions = [{ partition: 0, to, end: 10 }, { partition: 1, to: 0, end: 0 }];
    load.progress("w", { n, folded: to, busyMs: to, at: null, partitions });
  };
  say(1);
  await load.look();
  await send(0, 30);
  await send(1, 5);
  for (let to = 2; to < 5; to++) {
    state.nowMs += 400;
    say(to);
  }
  assert.deepEqual((await load.look()).map(({ end }) => end), [40, 5]);
});

Deno.test("the word of a sweep that is not out any more is none", async () => {
  const { load, drain, decide, answer, only } = await openLoad();
  drain.ready(1);
  const request = only(decide());
  answer(request, [2, 0]);
  decide();
  const partitions = [{ partition: 0, to: 9, end: 9 }];
  load.progress("w", { n: request.n, folded: 9, busyMs: 900, at: null, partitions });
  assert.equal(load.pages[0]?.cursor, 2);
  assert.deepEqual(load.loads, [{ worker: "w", records: 2, busyMs: 500 }]);
});

Deno.test("another attempt at a sweep begins anew", async () => {
  const { load, drain, decide, only } = await openLoad();
  drain.ready(1);
  const { n } = only(decide());
  const partitions = [{ partition: 0, to: 5, end: 9 }];
  load.progress("w", { n, folded: 5, busyMs: 500, at: null, partitions });
  load.progress("v", { n, folded: 5, busyMs: 100, at: null, partitions });
  assert.deepEqual(load.loads, [
    { worker: "v", records: 5, busyMs: 100 },
    { worker: "w", records: 5, busyMs: 500 },
  ]);
});

Deno.test("what workers did is remembered for some seconds", async () => {
  const { load, state, drain, decide, answer, only } = await openLoad();
  drain.ready(1);
  answer(only(decide()), [6, 0]);
  assert.equal(load.workerRate, 12);
  state.nowMs += 60_000;
  assert.equal(load.workerRate, null);
});

Deno.test("partitions that workers can't get on with are left out", async () => {
  const { load, drain, decide } = await openLoad();
  drain.exclude(0);
  decide();
  assert.deepEqual((await load.look()).map(({ partition }) => partition), [1]);
  drain.resume(0, 0);
  decide();
  assert.deepEqual((await load.look()).map(({ partition }) => partition), [0, 1]);
});

Deno.test("the fixed end of a bounded run is the end", async () => {
  const { load, state, decide, send } = await openLoad(2);
  await send(0, 5);
  decide();
  state.nowMs += 5_000;
  assert.deepEqual((await load.look())[0], { partition: 0, cursor: 0, end: 2 });
});
