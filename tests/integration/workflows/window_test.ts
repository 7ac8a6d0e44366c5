/**
 * The window workflow on a real Temporal server: what the server does with its calls, how it goes on
 * for ever, and what people see. What it decides is tried in `tests/core/flow/window_test.ts`.
 */

import assert from "node:assert/strict";
import { until } from "../_support/until.ts";
import { call, cell, SIZE, T0 } from "./_events.ts";
import { workflowTest, type WorkflowWorld } from "./_world.ts";

/** The call that ends a window. */
function lastCall(n: number) {
  return { ...call(n, [0, 0]), watermark: T0 + SIZE };
}

async function statusOf(world: WorkflowWorld, start: number): Promise<string> {
  return (await world.client.workflow.getHandle(world.windowId(start)).describe()).status.name;
}

workflowTest("a window begins with its first call, counts each once, and ends", async (world) => {
  const { drain } = world;
  await world.control();
  assert.equal(await drain.window(T0, 0), null);
  const taken = await world.call(T0, call(1, [0, 5]));
  assert.deepEqual([taken.kind, taken.pairs], ["taken", 5]);
  assert.deepEqual(await world.call(T0, call(1, [0, 5])), taken);
  assert.equal((await world.call(T0, call(2, [5, 8], "CS-2"))).pairs, 8);
  const view = await drain.window(T0, 0);
  assert.deepEqual(view, {
    start: T0,
    shard: 0,
    n: 2,
    cells: [cell("CS-1", 5, 5), cell("CS-2", 3, 3)],
    pairs: 8,
    emissions: 0,
    spans: [[0, 0, 8]],
    held: [[1, 5], [2, 8]],
  });
  const emitted = await world.call(T0, lastCall(3));
  assert.ok(emitted.kind === "emitted" && emitted.head.final);
  assert.deepEqual(emitted.cells, view.cells);
  assert.deepEqual(await world.result(T0), { pairs: 8, rows: 2, emissions: 1, end: "complete" });
  assert.equal(await drain.window(T0, 0), null);
  const audited = await drain.audited(T0, 0);
  assert.deepEqual([audited?.n, audited?.pairs, audited?.emissions], [3, 8, 1]);
});

workflowTest("calls of a window that has ended are answered as before, or lost", async (world) => {
  await world.control();
  await world.call(T0, call(1, [0, 5]));
  const emitted = await world.call(T0, lastCall(2));
  await world.result(T0);
  assert.deepEqual(await world.call(T0, lastCall(2)), emitted);
  assert.equal((await world.call(T0, call(3, [5, 6]))).kind, "lost");
  // The same number for another call, as by a drain that was put back.
  const other = { ...lastCall(2), emittedAtMs: T0 + 999 };
  assert.equal((await world.call(T0, other)).kind, "lost");
  assert.equal((await world.drain.audited(T0, 0))?.n, 2);
});

workflowTest(
  "a window that Temporal has forgotten is told by the number of its call",
  async (world) => {
    await world.control();
    assert.equal((await world.call(T0, call(4, [9, 12]))).kind, "lost");
    assert.deepEqual(await world.result(T0), { pairs: 0, rows: 0, emissions: 0, end: "lost" });
    // One that is there goes on in spite of a number that does not follow.
    await world.call(T0 + SIZE, call(1, [0, 1]));
    assert.equal((await world.call(T0 + SIZE, call(3, [4, 5]))).kind, "lost");
    assert.equal((await world.call(T0 + SIZE, call(2, [1, 4]))).pairs, 4);
    assert.equal(await statusOf(world, T0 + SIZE), "RUNNING");
  },
);

workflowTest(
  "a window continues as new between its calls, and knows what it has answered",
  async (world) => {
    await world.control();
    await world.startWindow(T0, 20);
    const calls = 24;
    let last;
    for (let n = 1; n <= calls; n++) {
      last = await world.call(T0, call(n, [2 * n - 2, 2 * n]));
      assert.deepEqual([last.kind, last.pairs], ["taken", 2 * n]);
      assert.deepEqual(await world.call(T0, call(n, [2 * n - 2, 2 * n])), last, `repeat of ${n}`);
      assert.equal((await world.call(T0, { ...call(n, [0, 1]), emittedAtMs: 1 })).kind, "overlap");
    }
    const emitted = await world.call(T0, lastCall(calls + 1));
    assert.ok(emitted.kind === "emitted");
    assert.deepEqual(emitted.cells, [cell("CS-1", 2 * calls, 2 * calls, 50 * calls)]);
    assert.deepEqual((await world.result(T0)).pairs, 2 * calls);
    assert.ok(await world.runs(world.windowId(T0)) >= 3);
  },
);

workflowTest(
  "calls of many windows at once, made twice side by side, count once",
  async (world) => {
    await world.control();
    const starts = Array.from({ length: 12 }, (_, i) => T0 + i * SIZE);
    const twice = await Promise.all(starts.map(async (start) => {
      const made = () => world.call(start, call(1, [0, 7]));
      return await Promise.all([made(), made()]);
    }));
    for (const [a, b] of twice) {
      assert.deepEqual([a, b], [b, {
        kind: "taken",
        pairs: 7,
        bytes: a.bytes,
      }]);
    }
  },
);

workflowTest(
  "people see a window's rows and why it is open, by attributes and details",
  async (world) => {
    const { drain, plan } = world;
    await world.control();
    const nasty = "<b>|`x`\n[a](http://x) **_b_** ~~c~~ &amp; \\| {d}";
    await world.call(T0, { ...call(1, [0, 2]), cells: [cell(nasty, 2, 7)] });
    const id = world.windowId(T0);
    const { typedSearchAttributes } = await world.client.workflow.getHandle(id).describe();
    assert.deepEqual(
      Object.fromEntries(
        typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value])
          .filter(([name]) => String(name).startsWith("Tidegate")),
      ),
      {
        TidegatePipeline: plan.pipeline,
        TidegateWindowStart: new Date(T0),
        TidegateWindowEnd: new Date(T0 + SIZE),
      },
    );
    const shown =
      "&#60;b&#62;&#124;&#96;x&#96; &#91;a&#93;(http://x) &#42;&#42;&#95;b&#95;&#42;&#42; " +
      "&#126;&#126;c&#126;&#126; &#38;amp; &#92;&#124; &#123;d&#125;";
    assert.deepEqual((await world.details(id)).split("\n"), [
      "**[2026-03-01T10:00:00.000Z, 2026-03-01T10:00:10.000Z)**, 2 events in 1 cells",
      "",
      "Open until the watermark passes 2026-03-01T10:00:10.000Z; the drain of the generation says " +
      "which partition holds it.",
      "",
      "Partitions heard from: 0 (offsets 0 to 1); 1 calls taken.",
      "",
      "| course | events | total&#95;loc | avg&#95;cpu |",
      "|---|---|---|---|",
      `| ${shown} | 2 | 7 | 25 |`,
    ]);
    // The details are those of the moment, not of the last change that was looked at.
    const many = Array.from({ length: 60 }, (_, i) => cell(`CS-${100 + i}`, 1, i));
    await world.call(T0, { ...call(2, [2, 62]), cells: many });
    const details = await world.details(id);
    assert.match(details, /62 events in 61 cells/);
    assert.match(details, /\n\n… and 11 more$/);
    assert.equal(details.split("\n").filter((line) => line.startsWith("| ")).length, 51);
    assert.equal((await drain.window(T0, 0))?.cells.length, 61);
    await world.call(T0, lastCall(3));
    await world.result(T0);
    assert.match(await world.details(id), /Completed at watermark 2026-03-01T10:00:10.000Z\./);
  },
);

workflowTest(
  "between its end and its last row a window says until when it waits",
  async (world) => {
    await world.control();
    await world.call(T0, call(1, [0, 3]));
    const first = await world.call(T0, { ...call(2, [0, 0]), watermark: T0 + SIZE });
    assert.ok(first.kind === "emitted" && !first.head.final);
    const id = world.windowId(T0);
    assert.match(
      await world.details(id),
      /Open until the watermark passes 2026-03-01T10:00:25.000Z/,
    );
    await world.call(T0, { ...call(3, [0, 0]), watermark: T0 + SIZE + 15_000 });
    assert.deepEqual(await world.result(T0), { pairs: 3, rows: 1, emissions: 2, end: "complete" });
  },
  { plan: { latenessMs: 15_000 } },
);

workflowTest(
  "a call that no control process answers ends in time, and counts once later",
  async (world) => {
    const worker = await world.control();
    await world.call(T0, call(1, [0, 4]));
    await worker.stop();
    await assert.rejects(world.call(T0, call(2, [4, 6])), (error) => {
      return error instanceof Error && "code" in error &&
        String(error.code).startsWith("TG_TEMPORAL");
    });
    await world.control();
    const answer = await until("the answer", () => world.call(T0, call(2, [4, 6])));
    assert.deepEqual([answer.kind, answer.pairs], ["taken", 6]);
  },
);
