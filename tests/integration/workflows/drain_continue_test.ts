/**
 * The drain workflow over many runs: it continues as new whatever is under way, loses and doubles
 * nothing, and keeps nobody waiting.
 */

import assert from "node:assert/strict";
import { generateRecords } from "../../../producer/generate.ts";
import { testPipeline } from "../_support/test_pipeline.ts";
import { until } from "../_support/until.ts";
import { event, SIZE, T0 } from "./_events.ts";
import { type DrainOptions, openWorld, workflowTest, type WorkflowWorld } from "./_world.ts";

const STILL = { delayMs: 1_000, idleAfterMs: 60_000 };
const SHORT: DrainOptions = { continueAfter: 40, paceMs: 10, deliverEveryMs: 50 };

/** Sends an event at a time into windows one after the other, until the drain has had some runs. */
async function rounds(world: WorkflowWorld, runs: number): Promise<number> {
  let sent = 0;
  await until(`${runs} runs`, async () => {
    await world.send(sent % 2, [event(T0 + sent * SIZE / 2)]);
    sent += 1;
    return await world.runs(world.drainId) >= runs || undefined;
  }, { everyMs: 50 });
  return sent;
}

/** Waits until all is read, closes all windows, and checks that each event is in one row. */
async function finish(world: WorkflowWorld, sent: number): Promise<void> {
  await world.untilView("all is read", ({ partitions }) => {
    return partitions.reduce((sum, { totals }) => sum + totals.read, 0) === sent;
  });
  await world.drain.bound([[0, Math.ceil(sent / 2)], [1, Math.floor(sent / 2)]]);
  await world.untilView("the end of the run", ({ drained }) => drained);
  await world.drain.flush();
  const view = await world.untilView("the last window", ({ openWindows }) => openWindows === 0);
  assert.deepEqual([view.closed.pairs, view.lost.windows], [sent, 0]);
  const rows = await world.rows();
  const byWindow = new Map(rows.map((row) => [row.window.start, row]));
  assert.equal([...byWindow.values()].reduce((sum, { events }) => sum + events, 0), sent);
  // However often a row is written, it is the same row.
  assert.equal(new Set(rows.map((row) => JSON.stringify(row))).size, byWindow.size);
}

workflowTest("runs follow each other while events come", async (world) => {
  await world.control();
  await world.sweeper();
  await world.startDrain(SHORT);
  await finish(world, await rounds(world, 5));
}, { plan: STILL });

workflowTest(
  "a run ends with calls under way, and the next makes the same ones again",
  async (world) => {
    const held = world.gate();
    const asked = new Map<string, string[]>();
    await world.control({
      scripted: (real) => ({
        async settle(request) {
          for (const { start, shard, call } of request.calls) {
            const id = `${start}/${shard}/${call.n}`;
            asked.set(id, [...asked.get(id) ?? [], JSON.stringify(call)]);
          }
          const outcomes = await real.settle(request);
          await held.pass();
          return outcomes;
        },
      }),
    });
    await world.sweeper();
    await world.startDrain(SHORT);
    const sent = await rounds(world, 4);
    // No answer has reached the drain, and each run has made the calls of the one before again.
    assert.equal((await world.drain.view()).closed.windows, 0);
    assert.ok([...asked.values()].some((calls) => calls.length >= 3));
    held.open();
    await finish(world, sent);
    for (const calls of asked.values()) assert.equal(new Set(calls).size, 1);
  },
  { plan: STILL },
);

/**
 * Drains generated records to their end, which come some at a time; answers the last revisions of all
 * rows, and what was counted.
 */
async function drained(
  world: WorkflowWorld,
  partitions: number,
  some: number,
  options: DrainOptions,
) {
  const pipeline = await testPipeline(world.plan.pipeline);
  const records = [...generateRecords(pipeline, {
    seed: 7,
    rate: 20,
    count: 2_000,
    fromMs: Date.parse("2020-02-29T23:59:00Z"),
    partitions,
    disorderMs: 40_000,
    lateShare: 0.02,
    invalidShare: 0.02,
    skewedShare: 0.01,
    duplicateShare: 0.05,
  })];
  await world.control();
  await world.sweeper();
  await world.sweeper();
  await world.startDrain({ slots: 2, ...options });
  for (let sent = 0; sent < records.length; sent += some) {
    await world.log.writer.send(world.plan.topic, records.slice(sent, sent + some));
    const wanted = Math.min(sent + some, records.length);
    await world.untilView(`${wanted} records`, (view) => {
      return view.partitions.reduce((sum, { totals }) => sum + totals.read, 0) >= wanted;
    });
  }
  const ends = await world.log.reader.ends(
    world.plan.topic,
    Array.from({ length: partitions }, (_, p) => p),
  );
  await world.drain.bound([...ends]);
  await world.untilView("the end of the run", ({ drained }) => drained);
  await world.drain.flush();
  const view = await world.untilView("the last window", ({ openWindows }) => openWindows === 0);
  const rows = new Map(
    (await world.rows()).map(({ window, key, events, values, final }) => [
      `${window.start} ${JSON.stringify(key)}`,
      { events, values, final },
    ]),
  );
  const totals = view.partitions.map((p) => p.totals);
  return { rows: new Map([...rows].sort()), totals, closed: view.closed.pairs };
}

const LATE = {
  plan: {
    windowing: { sizeMs: 20_000, slideMs: 10_000, offsetMs: 0 },
    latenessMs: 30_000,
    idleAfterMs: 120_000,
  },
  partitions: 4,
};

workflowTest("a run cut into many comes to what one run comes to", async (world) => {
  const cut = await drained(world, 4, 100, { continueAfter: 40, paceMs: 10 });
  assert.ok(await world.runs(world.drainId) >= 3);
  const whole = await openWorld(LATE);
  try {
    assert.deepEqual(cut, await drained(whole.world, 4, 2_000, {}));
    assert.equal(await whole.world.runs(whole.world.drainId), 1);
  } finally {
    await whole.close(false);
  }
  assert.ok(cut.rows.size > 80 && [...cut.rows.values()].every(({ final }) => final));
}, LATE);

workflowTest("what people ask in the moment in which a run ends is answered", async (world) => {
  const { drain } = world;
  await world.control();
  await world.sweeper();
  await world.startDrain({ ...SHORT, continueAfter: 30 });
  let over = false;
  let answered = 0;
  const problems: string[] = [];
  const asking = Array.from({ length: 6 }, async (_, i) => {
    while (!over) {
      try {
        if (i % 2 === 0) await drain.accept("test");
        else await drain.ready(1);
        if (i === 1) assert.ok((await drain.view()).partitions.length === 2);
        answered += 1;
      } catch (error) {
        problems.push(String(error));
      }
    }
  });
  try {
    const sent = await rounds(world, 8);
    over = true;
    await Promise.all(asking);
    assert.deepEqual(problems, []);
    await finish(world, sent);
  } finally {
    over = true;
  }
  assert.ok(answered > 50, `${answered} answers`);
}, { plan: STILL });

workflowTest(
  "the control process is told of each decision once, however often a run is replayed",
  async (world) => {
    // No workflow is kept in memory: every task replays the run.
    await world.control({ maxCachedWorkflows: 0 });
    await world.sweeper();
    await world.startDrain({ paceMs: 10 });
    let sent = 0;
    await until("some sweeps", async () => {
      await world.send(sent % 2, [event(T0 + sent * SIZE / 2)]);
      sent += 1;
      return world.told.notes.length >= 12 || undefined;
    });
    const { notes, views } = world.told;
    const numbers = notes.map(({ n }) => n);
    assert.deepEqual(numbers, [...new Set(numbers)].sort((a, b) => a - b));
    // Told as it went on, not from the beginning again.
    const read = views.map(({ partitions }) =>
      partitions.reduce((sum, p) => sum + p.totals.read, 0)
    );
    assert.deepEqual(read, read.toSorted((a, b) => a - b));
    const { events = [] } = await world.client.workflow.getHandle(world.drainId).fetchHistory();
    const tasks = events?.filter((one) => one.workflowTaskCompletedEventAttributes).length ?? 0;
    assert.ok(views.length >= 12 && views.length <= 2 * tasks + 2, `${views.length} for ${tasks}`);
  },
  { plan: STILL },
);
