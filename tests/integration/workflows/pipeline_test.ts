/**
 * A whole small pipeline, hard pressed: without a cache of workflows, so that each task replays its
 * history, with short runs, and with control processes that come and go.
 */

import assert from "node:assert/strict";
import { gatherAccount } from "../../../cli/account.ts";
import type { ResultRow } from "../../../core/flow/row.ts";
import { event, T0 } from "./_events.ts";
import { GENERATION, workflowTest, type WorkflowWorld } from "./_world.ts";
import { boundSignal } from "../../../workflows/messages.ts";

const PARTITIONS = [0, 1];
const EVENTS = 240;
const CHUNK = 20;
/** Workflows in memory. */
const CACHED = 30;

/** The n-th event: out of order by up to 9 s, in one of five courses, in one of the partitions. */
function nth(n: number) {
  const course = `CS-${n % 5}`;
  const lines = (n * 7) % 31;
  const atMs = T0 + n * 400 - ((n * 37) % 10) * 1_000;
  return { partition: n % 3 === 0 ? 1 : 0, course, lines, atMs };
}

/** What must come out: events and lines by window and course. */
function expected(sizeMs: number): Map<string, [events: number, lines: number]> {
  const rows = new Map<string, [number, number]>();
  for (let n = 0; n < EVENTS; n++) {
    const { course, lines, atMs } = nth(n);
    const start = Math.floor(atMs / sizeMs) * sizeMs;
    const [events, sum] = rows.get(`${start} ${course}`) ?? [0, 0];
    rows.set(`${start} ${course}`, [events + 1, sum + lines]);
  }
  return rows;
}

/** Sends all events a few at a time, calls `between` after each lot, then ends the run. */
async function drainAll(world: WorkflowWorld, between: (lot: number) => Promise<unknown>) {
  await world.startClock(PARTITIONS, 40);
  for (const partition of PARTITIONS) {
    await world.startDrain(partition, { continueAfter: 40, paceMs: 10 });
  }
  for (let lot = 0; lot * CHUNK < EVENTS; lot++) {
    for (let n = lot * CHUNK; n < (lot + 1) * CHUNK; n++) {
      const { partition, course, lines, atMs } = nth(n);
      await world.send(partition, [event(atMs, course, lines)]);
    }
    await between(lot);
  }
  for (const partition of PARTITIONS) {
    const { end } = await world.log.reader.offsets(world.plan.topic, partition);
    await world.client.workflow.getHandle(world.drainId(partition)).signal(boundSignal, {
      until: end,
    });
    await world.untilDrain(partition, "the end", (view) => view.mode === "parked");
  }
  await world.workflows.flush(GENERATION);
  await world.untilClock("the last window", ({ open }) => open.length === 0);
}

/** Checks the rows and the account. */
async function check(world: WorkflowWorld): Promise<void> {
  const account = await gatherAccount(world.workflows, GENERATION);
  assert.deepEqual(account.problems, []);
  assert.deepEqual([account.events.read, account.events.aggregated], [EVENTS, EVENTS]);
  const rows = (await world.values(world.plan.resultsTopic)).map((it): ResultRow => JSON.parse(it));
  const found = rows.map((row) => {
    const key = `${Date.parse(row.window.start)} ${row.key.course}`;
    return [key, [row.events, row.values.total_loc]] as const;
  });
  assert.equal(new Map(found).size, rows.length, "a row was written twice");
  assert.deepEqual(
    new Map([...found].sort()),
    new Map([...expected(world.plan.windowing.sizeMs)].sort()),
  );
}

workflowTest(
  "a pipeline with more open windows than are cached comes to the same",
  async (world) => {
    // A window that is not cached comes back by a replay of its history. A cache of less than what is
    // in use at a time would only stall: a workflow that is put out of it while its local activities
    // run loses its task, and the server gives it again after ten seconds.
    await world.control({ maxCachedWorkflows: CACHED, windowsContinueAfter: 30 });
    await world.folder();
    let most = 0;
    await drainAll(world, async (lot) => {
      // Several slices, so that there are several partials a window.
      const { end } = await world.log.reader.offsets(world.plan.topic, 0);
      if (lot % 2 === 1) await world.untilDrain(0, "some", ({ cursor }) => cursor === end);
      most = Math.max(most, (await world.workflows.clock(GENERATION)).open.length);
    });
    await check(world);
    assert.ok(most > CACHED, `only ${most} windows were open`);
    assert.ok(await world.runs(world.drainId(0)) >= 2);
    assert.ok(await world.runs(world.clockId) >= 2);
  },
  {
    plan: {
      delayMs: 60_000,
      idleAfterMs: 60_000,
      windowing: { sizeMs: 1_000, slideMs: 1_000, offsetMs: 0 },
    },
  },
);

workflowTest("a pipeline whose control worker is replaced again and again", async (world) => {
  let control = await world.control({ windowsContinueAfter: 30 });
  await world.folder();
  await drainAll(world, async (lot) => {
    if (lot % 3 !== 1) return;
    await control.stop();
    control = await world.control({ windowsContinueAfter: 30 });
  });
  await check(world);
}, { plan: { delayMs: 10_000, idleAfterMs: 60_000 } });
