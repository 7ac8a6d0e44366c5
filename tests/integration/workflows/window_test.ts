/**
 * The window workflow: partials in, rows out, nothing lost between two runs or at the end.
 */

import assert from "node:assert/strict";
import type { ResultRow } from "../../../core/flow/row.ts";
import { until } from "../_support/until.ts";
import { cell, partial, SIZE, T0 } from "./_events.ts";
import { GENERATION, workflowTest, type WorkflowWorld } from "./_world.ts";

/** The rows written so far. */
async function rowsOf(world: WorkflowWorld): Promise<ResultRow[]> {
  return (await world.values(world.plan.resultsTopic)).map((text) => JSON.parse(text));
}

/** A clock with one partition that has joined. */
async function startedClock(world: WorkflowWorld) {
  await world.startClock([0]);
  const drain = world.reporter(0);
  await drain.join();
  return drain;
}

workflowTest(
  "a window folds each slice once, emits, completes and tells the clock",
  async (world) => {
    await world.control();
    const drain = await startedClock(world);
    for (const from of [0, 5, 0, 5, 7]) {
      const part = partial(0, from, from + 5);
      assert.equal(await world.fold(T0, from === 7 ? partial(1, 0, 3, "CS-2") : part), true);
    }
    const view = await world.workflows.window(world.windowId(T0));
    assert.deepEqual(view, {
      start: T0,
      shard: 0,
      cells: [cell("CS-1", 10, 10, 100), cell("CS-2", 3, 3, 50)],
      pairs: 13,
      refused: 0,
      emissions: 0,
      watermark: null,
      lastTo: [[0, 10], [1, 3]],
    });
    await drain.advance(T0 + SIZE - 1, T0);
    assert.deepEqual(await rowsOf(world), []);
    await drain.advance(T0 + SIZE);
    const result = await world.result(T0);
    const { rows, ...counts } = result;
    assert.deepEqual(counts, {
      start: "2026-03-01T10:00:00.000Z",
      end: "2026-03-01T10:00:10.000Z",
      pairs: 13,
      refused: 0,
      emissions: 1,
      rowCount: 2,
      lastTo: [[0, 10], [1, 3]],
    });
    assert.deepEqual(rows, await rowsOf(world));
    assert.deepEqual(
      rows?.map((row) => [row.key, row.events, row.values, row.revision, row.final]),
      [
        [{ course: "CS-1" }, 10, { total_loc: 10, avg_cpu: 10 }, 0, true],
        [{ course: "CS-2" }, 3, { total_loc: 3, avg_cpu: 50 / 3 }, 0, true],
      ],
    );
    const clock = await world.workflows.clock(GENERATION);
    assert.deepEqual(clock.totals, { windows: 1, pairs: 13, refused: 0, rows: 2 });
    assert.deepEqual([clock.open, clock.lost], [[], []]);
    // What comes afterwards is for the drain to judge.
    assert.equal(await world.fold(T0, partial(0, 10, 11)), false);
    const target = { plan: world.plan, generation: 1, start: T0, shard: 0, searchAttributes: true };
    assert.deepEqual(await world.port.windowEnd(target), {
      kind: "completed",
      lastTo: [[0, 10], [1, 3]],
    });
    assert.equal(await world.workflows.window(world.windowId(T0)), null);
  },
);

workflowTest("a window shows its state in search attributes and details", async (world) => {
  await world.control();
  const drain = await startedClock(world);
  const nasty = "<b>|`x`\n[a](http://x) **_b_** ~~c~~ &amp; \\| {d}";
  await world.fold(T0, { partition: 0, from: 0, to: 2, cells: [cell(nasty, 2, 7)] });
  const id = world.windowId(T0);
  const attributes = async () => {
    const { typedSearchAttributes } = await world.client.workflow.getHandle(id).describe();
    return Object.fromEntries(
      typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value])
        .filter(([name]) => String(name).startsWith("Tidegate")),
    );
  };
  const known = {
    TidegatePipeline: world.plan.pipeline,
    TidegateWindowStart: new Date(T0),
    TidegateWindowEnd: new Date(T0 + SIZE),
  };
  assert.deepEqual(await attributes(), { ...known, TidegateState: "open" });
  const lines = (await world.details(id)).split("\n");
  assert.equal(
    lines[0],
    "**[2026-03-01T10:00:00.000Z, 2026-03-01T10:00:10.000Z)**, 2 events in 1 cells",
  );
  const shown =
    "&#60;b&#62;&#124;&#96;x&#96; &#91;a&#93;(http://x) &#42;&#42;&#95;b&#95;&#42;&#42; " +
    "&#126;&#126;c&#126;&#126; &#38;amp; &#92;&#124; &#123;d&#125;";
  assert.deepEqual(lines.slice(-3), [
    "| course | events | total&#95;loc | avg&#95;cpu |",
    "|---|---|---|---|",
    `| ${shown} | 2 | 7 | 25 |`,
  ]);
  // The details are those of the moment, not of the last change that was looked at.
  await world.fold(T0, partial(0, 2, 5));
  assert.match(await world.details(id), /5 events in 2 cells/);
  await drain.advance(T0 + SIZE, T0);
  await world.result(T0);
  assert.deepEqual(await attributes(), { ...known, TidegateState: "closed", TidegateEvents: 5 });
  assert.match(await world.details(id), /Completed at watermark 2026-03-01T10:00:10.000Z/);
  const summary = await world.client.workflow.getHandle(id).describe();
  assert.equal(
    await summary.staticSummary(),
    `${world.plan.pipeline} [2026-03-01T10:00:00.000Z, 2026-03-01T10:00:10.000Z)`,
  );
});

workflowTest("a window counts what comes after its last rows as refused", async (world) => {
  const emitting = world.gate();
  await world.control({
    scripted: (real) => ({
      async emitRows(request) {
        await emitting.pass();
        await real.emitRows(request);
      },
    }),
  });
  const drain = await startedClock(world);
  await world.fold(T0, partial(0, 0, 5));
  await drain.advance(T0 + SIZE, T0);
  await emitting.reached;
  assert.equal(await world.fold(T0, partial(0, 0, 5)), true, "counted before: harmless");
  assert.equal(await world.fold(T0, partial(0, 5, 8)), true);
  emitting.open();
  const result = await world.result(T0);
  assert.deepEqual([result.pairs, result.refused, result.lastTo], [5, 3, [[0, 5]]]);
  assert.equal((await rowsOf(world))[0]?.events, 5);
});

workflowTest("an overlapping slice stops its partition and no other", async (world) => {
  await world.control();
  await world.startClock([0, 1]);
  await world.startDrain(0);
  await world.startDrain(1);
  await world.fold(T0, partial(0, 0, 5));
  await world.fold(T0, partial(0, 3, 8));
  const { stop } = await world.untilDrain(0, "the stop", (view) => view.mode === "stopped");
  assert.equal(stop?.code, "TG_OVERLAP");
  assert.match(stop?.message ?? "", /refused the slice \[3, 8\) of partition 0/);
  // What follows from that partition is refused as well: it would leave a hole.
  await world.fold(T0, partial(0, 8, 9));
  await world.fold(T0, partial(1, 0, 2));
  const view = await world.workflows.window(world.windowId(T0));
  assert.deepEqual([view?.pairs, view?.refused, view?.lastTo], [7, 6, [[0, 9], [1, 2]]]);
  assert.equal((await world.drain(1)).mode, "active");
});

workflowTest("a window that would grow too large stops the partition", async (world) => {
  await world.control();
  await world.startClock([0]);
  await world.reporter(0).advance(T0, T0);
  await world.startDrain(0);
  const many = (from: number) => ({
    partition: 0,
    from,
    to: from + 1,
    cells: Array.from({ length: 2_500 }, (_, i) => cell(`${from}-${i}-`.padEnd(200, "x"), 1, 1)),
  });
  await world.fold(T0, many(0));
  await world.fold(T0, many(1));
  const { stop } = await world.untilDrain(0, "the stop", (view) => view.mode === "stopped");
  assert.equal(stop?.code, "TG_WINDOW_FULL");
  const view = await world.workflows.window(world.windowId(T0));
  assert.deepEqual([view?.pairs, view?.refused, view?.cells.length], [2_500, 2_500, 2_500]);
  // 2,500 rows take five pages and are too large for a result.
  await world.workflows.exclude(GENERATION, 0);
  await world.untilClock(
    "the exclusion",
    ({ partitions }) => partitions[0]?.[1].mode === "excluded",
  );
  await world.workflows.flush(GENERATION);
  const result = await world.result(T0);
  assert.deepEqual([result.rowCount, result.rows], [2_500, null]);
  const rows = await rowsOf(world);
  assert.equal(new Set(rows.map((row) => row.key.course)).size, 2_500);
  assert.equal(rows.length, 2_500);
  const { totals } = await world.workflows.clock(GENERATION);
  assert.deepEqual(totals, { windows: 1, pairs: 2_500, refused: 2_500, rows: 2_500 });
});

workflowTest("a window continues as new between signals and loses none", async (world) => {
  await world.control();
  const drain = await startedClock(world);
  // Few enough: a signal that meets the end of a run is sent again after more than a second.
  const slices = 15;
  const deliver = async (partition: number) => {
    for (let i = 0; i < slices; i++) {
      const part = partial(partition, i, i + 1);
      assert.equal(await world.fold(T0, part, 30), true);
      if (i % 3 === 0) assert.equal(await world.fold(T0, part), true);
    }
  };
  await Promise.all([0, 1, 2].map(deliver));
  const view = await world.workflows.window(world.windowId(T0));
  assert.deepEqual([view?.pairs, view?.refused], [3 * slices, 0]);
  assert.deepEqual(view?.lastTo, [[0, slices], [1, slices], [2, slices]]);
  await drain.advance(T0 + SIZE, T0);
  const { pairs, rows } = await world.result(T0);
  assert.deepEqual([pairs, rows?.[0]?.values.total_loc], [3 * slices, 3 * slices]);
  assert.ok(await world.runs(world.windowId(T0)) >= 3);
});

workflowTest("a window that completes among signals loses none of them", async (world) => {
  await world.control();
  const drain = await startedClock(world);
  const starts = Array.from({ length: 12 }, (_, i) => T0 + i * SIZE);
  for (const start of starts) await world.fold(start, partial(0, 0, 1));
  let closing = false;
  const taken = new Map(starts.map((start) => [start, 1]));
  const deliver = async (partition: number) => {
    for (let i = 0; !closing || i < 5; i++) {
      for (const start of starts) {
        if (!await world.fold(start, partial(partition, i, i + 1))) return;
        taken.set(start, (taken.get(start) ?? 0) + 1);
      }
    }
  };
  const delivering = Promise.all([1, 2, 3].map(deliver));
  await drain.advance(T0 + 12 * SIZE, ...starts);
  closing = true;
  const results = await Promise.all(starts.map((start) => world.result(start)));
  await delivering;
  // A signal that the server took is counted, before the last rows or after them.
  assert.deepEqual(
    results.map(({ pairs, refused }) => pairs + refused),
    starts.map((start) => taken.get(start)),
  );
});

workflowTest("a window with lateness stays open and emits what changes", async (world) => {
  await world.control();
  const drain = await startedClock(world);
  await world.fold(T0, { partition: 0, from: 0, to: 2, cells: [cell("a", 1, 1), cell("b", 1, 2)] });
  await drain.advance(T0 + SIZE, T0);
  await until("the first rows", async () => (await rowsOf(world)).length === 2 || undefined);
  const id = world.windowId(T0);
  assert.match(await world.details(id), /open for late events\*\* until .*10:00:30.000Z/);
  await world.fold(T0, { partition: 0, from: 2, to: 3, cells: [cell("b", 1, 3)] });
  await until("the second rows", async () => (await rowsOf(world)).length === 3 || undefined);
  await drain.advance(T0 + SIZE + 20_000);
  const result = await world.result(T0);
  assert.deepEqual([result.pairs, result.emissions, result.rowCount], [3, 3, 2]);
  const rows = await rowsOf(world);
  assert.deepEqual(rows.map((row) => [row.key.course, row.revision, row.final, row.events]), [
    ["a", 0, false, 1],
    ["b", 0, false, 1],
    ["b", 1, false, 2],
    ["a", 2, true, 1],
    ["b", 2, true, 2],
  ]);
  const { totals } = await world.workflows.clock(GENERATION);
  assert.deepEqual(totals, { windows: 1, pairs: 3, refused: 0, rows: 2 });
}, { plan: { latenessMs: 20_000 } });

workflowTest(
  "a window keeps its rows until they can be written, and writes the same",
  async (world) => {
    const requests: string[] = [];
    await world.control({
      scripted: (real) => ({
        async emitRows(request) {
          requests.push(JSON.stringify(request));
          if (requests.length === 2) world.log.outage = false;
          await real.emitRows(request);
        },
      }),
    });
    const drain = await startedClock(world);
    await world.fold(T0, partial(0, 0, 5));
    world.log.outage = true;
    await drain.advance(T0 + SIZE, T0);
    await world.result(T0);
    assert.equal(requests.length, 2);
    assert.equal(requests[0], requests[1]);
    assert.equal((await rowsOf(world)).length, 1);
    // A topic that is gone is for a person to bring back: the window waits for that too.
    await world.fold(T0 + SIZE, partial(0, 5, 6));
    await world.log.admin.deleteTopics([world.plan.resultsTopic]);
    await drain.advance(T0 + 2 * SIZE, T0 + SIZE);
    await until("two failures", () => requests.length === 4 || undefined);
    await world.log.admin.createTopics([{ topic: world.plan.resultsTopic, partitions: 1 }]);
    assert.equal((await world.result(T0 + SIZE)).rowCount, 1);
    assert.equal((await rowsOf(world)).length, 1);
    const { totals } = await world.workflows.clock(GENERATION);
    assert.deepEqual(totals, { windows: 2, pairs: 6, refused: 0, rows: 2 });
  },
);

workflowTest("a window without a row tells the clock too", async (world) => {
  await world.control();
  const drain = await startedClock(world);
  await world.fold(T0, { partition: 0, from: 0, to: 3, cells: [] });
  await drain.advance(T0 + SIZE, T0);
  assert.equal((await world.result(T0)).rowCount, 0);
  const { open, totals } = await world.workflows.clock(GENERATION);
  assert.deepEqual([open, totals.windows], [[], 1]);
});

workflowTest(
  "without Tidegate's search attributes, the server is not asked for them",
  async (world) => {
    await world.control();
    const drain = await startedClock(world);
    const target = {
      plan: world.plan,
      generation: 1,
      start: T0,
      shard: 0,
      searchAttributes: false,
    };
    assert.equal(await world.port.foldIntoWindow(target, partial(0, 0, 1)), true);
    await drain.advance(T0 + SIZE, T0);
    assert.equal((await world.result(T0)).pairs, 1);
    await world.startDrain(0, { searchAttributes: false });
    await world.untilDrain(0, "the join", (view) => view.mode === "active");
    for (const id of [world.windowId(T0), world.drainId(0)]) {
      const { events } = await world.client.workflow.getHandle(id).fetchHistory();
      const asked = events?.filter((event) => event.upsertWorkflowSearchAttributesEventAttributes);
      assert.deepEqual(asked, []);
    }
  },
);
