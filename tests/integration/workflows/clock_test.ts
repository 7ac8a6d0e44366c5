/**
 * The clock workflow: reports in, closes out, through continue-as-new and the loss of windows.
 */

import assert from "node:assert/strict";
import { TidegateError } from "../../../core/errors.ts";
import { until } from "../_support/until.ts";
import { partial, SIZE, T0 } from "./_events.ts";
import { GENERATION, workflowTest } from "./_world.ts";

workflowTest("the clock takes the smallest watermark and each report once", async (world) => {
  await world.control();
  await world.startClock([0, 1]);
  const [a, b] = [world.reporter(0), world.reporter(1)];
  assert.deepEqual(await a.join(), { watermark: null, driftBase: null });
  assert.deepEqual(await a.advance(T0 + 5), { watermark: null, driftBase: T0 + 5 });
  assert.deepEqual(await b.join(), { watermark: null, driftBase: T0 + 5 });
  assert.deepEqual(await b.advance(T0), { watermark: T0, driftBase: T0 });
  // Whatever bears an old number is answered, and changes nothing.
  const now = { watermark: T0, driftBase: T0 };
  assert.deepEqual(await b.send("advance", T0 + 3, [T0], 2), now);
  assert.deepEqual(await b.send("idle", T0, [], 1), { ...now, overtaken: true });
  assert.deepEqual((await world.workflows.clock(GENERATION)).open, []);
  assert.deepEqual(await b.advance(T0 + 7), { watermark: T0 + 5, driftBase: T0 + 5 });
  // One that leaves does not hold the others up, and comes back behind them.
  await a.send("idle", T0 + 5);
  assert.equal((await b.advance(T0 + 9)).watermark, T0 + 9);
  assert.equal((await a.join(T0 + 6)).watermark, T0 + 9);
  const { partitions, watermark } = await world.workflows.clock(GENERATION);
  assert.equal(watermark, T0 + 9);
  assert.deepEqual(partitions.map(([p, known]) => [p, known.mode, known.watermark]), [
    [0, "active", T0 + 9],
    [1, "active", T0 + 9],
  ]);
  assert.match(await world.details(world.clockId), /\*\*Watermark 2026-03-01T10:00:00.009Z\*\*/);
});

workflowTest(
  "the clock continues as new among reports and closes and loses none",
  async (world) => {
    await world.control();
    const partitions = [0, 1, 2];
    await world.startClock(partitions, 60);
    const windows = 30;
    const starts = Array.from({ length: windows }, (_, i) => T0 + i * SIZE);
    await Promise.all(partitions.map(async (partition) => {
      const drain = world.reporter(partition);
      await drain.join();
      for (const [i, start] of starts.entries()) {
        await world.fold(start, partial(partition, i, i + 1));
        // Two windows stay open behind the watermark, so that there is something to carry over.
        await drain.advance(start - SIZE, start);
      }
      await drain.advance(T0 + windows * SIZE);
    }));
    const { totals, lost } = await world.untilClock("the last window", (view) => {
      return view.open.length === 0 && view.totals.windows >= windows;
    });
    assert.deepEqual(totals, { windows, pairs: 3 * windows, refused: 0, rows: windows });
    assert.deepEqual(lost, []);
    const results = await Promise.all(starts.map((start) => world.result(start)));
    assert.deepEqual(
      new Set(results.map(({ pairs, refused }) => [pairs, refused].join())),
      new Set(["3,0"]),
    );
    assert.ok(await world.runs(world.clockId) >= 4);
  },
);

workflowTest("a clock that continues as new knows which windows it has told", async (world) => {
  const told: string[] = [];
  await world.control({
    scripted: () => ({
      closeWindows({ ids }) {
        told.push(...ids);
        return Promise.resolve(ids.map(() => ({ kind: "told" as const })));
      },
    }),
  });
  // The close calls of one report make the history longer than this.
  await world.startClock([0], 25);
  const drain = world.reporter(0);
  await drain.join();
  const starts = Array.from({ length: 750 }, (_, i) => T0 + i * SIZE);
  for (let i = 0; i < starts.length; i += 250) {
    const some = starts.slice(i, i + 250);
    await drain.advance((some.at(-1) ?? 0) + SIZE, ...some);
  }
  await until("the last window", () => told.length >= starts.length || undefined);
  assert.deepEqual([...told].sort(), starts.map((start) => world.windowId(start)));
  const { open } = await world.workflows.clock(GENERATION);
  assert.ok(open.every(({ fired, sentAtMs }) => fired === 2 && sentAtMs !== null));
  assert.equal(open.length, starts.length);
  assert.ok(await world.runs(world.clockId) >= 2);
});

workflowTest(
  "an idle pipeline's watermark runs on until the last window has closed",
  async (world) => {
    await world.control();
    await world.startClock([0, 1]);
    const [a, b] = [world.reporter(0), world.reporter(1)];
    await a.join();
    await b.join();
    const starts = [T0, T0 + 400, T0 + 800];
    for (const start of starts) await world.fold(start, partial(0, start - T0, start - T0 + 1));
    await a.advance(T0 + 350, ...starts);
    await b.advance(T0 + 100);
    await a.send("idle", T0 + 350);
    const idleAt = Date.now();
    const answer = await b.send("idle", T0 + 100);
    assert.equal(answer.watermark, T0 + 350, "all idle: the largest of them");
    const ends: number[] = [];
    for (const start of starts) {
      const [row] = (await world.result(start)).rows ?? [];
      ends.push(Date.parse(row?.emittedAt ?? "") - idleAt);
    }
    // Ends at 400, 800 and 1,200: by the wall clock, from 350 on; never early.
    for (const [i, due] of [50, 450, 850].entries()) {
      assert.ok((ends[i] ?? 0) >= due - 5, `window ${i} was emitted after ${ends[i]} ms`);
    }
    const { watermark } = await world.workflows.clock(GENERATION);
    assert.equal(watermark, T0 + 1_200, "as far as needed and no further");
    // The one that comes back finds the watermark where it has run to.
    assert.equal((await a.join(T0 + 350)).watermark, T0 + 1_200);
  },
  { plan: { windowing: { sizeMs: 400, slideMs: 400, offsetMs: 0 } } },
);

workflowTest("a window that was terminated is lost, and named", async (world) => {
  await world.control();
  await world.startClock([0]);
  const drain = world.reporter(0);
  await drain.join();
  await world.fold(T0, partial(0, 0, 1));
  await world.fold(T0 + SIZE, partial(0, 1, 2));
  await world.client.workflow.getHandle(world.windowId(T0)).terminate("a test");
  await drain.advance(T0 + 2 * SIZE, T0, T0 + SIZE);
  const view = await world.untilClock("both windows", ({ open }) => open.length === 0);
  assert.deepEqual(view.lost, [
    { id: world.windowId(T0), why: "the workflow ended: TERMINATED" },
  ]);
  assert.deepEqual(view.totals, { windows: 1, pairs: 1, refused: 0, rows: 1 });
  const shown = await world.details(world.clockId);
  assert.match(shown, /\*\*1 lost\*\*/);
  assert.match(shown, /TG&#95;WINDOW&#95;LOST|TG_WINDOW_LOST/);
  // What comes for it later finds out as well.
  assert.equal(await world.fold(T0, partial(0, 2, 3)), false);
  const target = { plan: world.plan, generation: 1, start: T0, shard: 0, searchAttributes: true };
  assert.deepEqual(await world.port.windowEnd(target), { kind: "lost", status: "TERMINATED" });
});

workflowTest("a flush is refused while a partition is drained, then closes all", async (world) => {
  await world.control();
  await world.startClock([0, 1]);
  const [a, b] = [world.reporter(0), world.reporter(1)];
  await a.join();
  await world.fold(T0, partial(0, 0, 1));
  await a.advance(T0, T0);
  await a.send("park", T0);
  await assert.rejects(world.workflows.flush(GENERATION), (error: Error) => {
    return error.cause instanceof Error &&
      error.cause.message === "Cannot flush: a partition is still being drained";
  });
  await b.send("idle", null);
  await world.workflows.flush(GENERATION);
  await world.result(T0);
  const view = await world.untilClock("the close", ({ open }) => open.length === 0);
  assert.equal(view.watermark, T0 + SIZE);
  await world.workflows.flush(GENERATION);
});

workflowTest("no window is closed by a watermark that is not durable", async (world) => {
  const closing = world.gate();
  await world.control({
    scripted: (real) => ({
      async closeWindows(request) {
        await closing.pass();
        return await real.closeWindows(request);
      },
    }),
  });
  await world.startClock([0, 1]);
  const [a, b] = [world.reporter(0), world.reporter(1)];
  await Promise.all([a.join(), b.join()]);
  await world.fold(T0, partial(0, 0, 1));
  await b.advance(T0 + 2 * SIZE);
  // The answer means that the report is in the clock's history; no window has been told by then.
  assert.equal((await a.advance(T0 + SIZE, T0)).watermark, T0 + SIZE);
  await closing.reached;
  // Reports do not wait for closes.
  await b.advance(T0 + 3 * SIZE);
  assert.equal((await a.advance(T0 + SIZE + 1)).watermark, T0 + SIZE + 1);
  assert.equal((await world.workflows.window(world.windowId(T0)))?.watermark, null);
  closing.open();
  assert.equal((await world.result(T0)).pairs, 1);
});

workflowTest("a report to a clock that has ended says so", async (world) => {
  await world.control();
  await world.startClock([0]);
  await world.reporter(0).join();
  await world.client.workflow.getHandle(world.clockId).terminate("a test");
  await assert.rejects(world.reporter(0).advance(T0), (error) => {
    return error instanceof TidegateError && error.code === "TG_GENERATION_LOST";
  });
});
