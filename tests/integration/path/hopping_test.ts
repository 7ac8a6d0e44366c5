/**
 * Hopping windows with allowed lateness, over shards, around 1970, drained in two runs: what was
 * emitted by the first is emitted again by the second, with the next revision.
 */

import assert from "node:assert/strict";
import type { OutRecord } from "../../../adapters/kafka/log.ts";
import { hopping } from "../../../core/event_time/windows.ts";
import { randomNumbers } from "../_support/events.ts";
import { checkAgainstOracle, resultsOf } from "../_support/oracle.ts";
import { pathTest } from "../_support/path_tests.ts";

const EVENTS = 50_000;
/** Of them, those that are there for the first run. */
const FIRST = 40_000;
const PARTITIONS = 3;
/** 500 s around the epoch: half of the event times are negative. */
const SPAN_MS = 500_000;
const KEYS: readonly (string | number | boolean | null)[] = [
  ...["a", "b", "1", "true", "null", "", "\u00e9\u{1f600}"],
  ...[1, 0, -2.5, 1e21, true, false, null],
];

/** Numbers whose naive sum depends on the order of adding. */
const SCALES = [1, 0.1, 1e15, 1e-9, 3e100, -3e100];

function* events(): Generator<OutRecord> {
  const random = randomNumbers(77);
  const pick = <T>(items: readonly T[], instead: T) =>
    items[Math.floor(random() * items.length)] ?? instead;
  for (let i = 0; i < EVENTS; i++) {
    const timeMs = Math.floor((i / EVENTS - 0.5) * SPAN_MS - random() ** 4 * 60_000);
    const who = pick(KEYS, null);
    const n = random() < 0.05 ? 13 : Math.floor(random() * 1_000) * pick(SCALES, 1);
    const at = i % 2 === 0 ? timeMs : new Date(timeMs).toISOString();
    yield { key: null, value: JSON.stringify({ who, n, at }), partition: i % PARTITIONS };
  }
}

pathTest("hopping windows stay open for late events, and say so by revisions", async (world) => {
  const pipeline = await world.pipeline({
    definition: "scalars",
    windowing: hopping("20s", "8s", { offset: "1s" }),
    delayMs: 2_000,
    latenessMs: 25_000,
    shards: 2,
  });
  const { topic } = pipeline.plan;
  const all = [...events()];
  await world.createTopic(topic, PARTITIONS);
  await world.send(topic, all.slice(0, FIRST));

  const emitted = await world.phase(`drain ${FIRST}`, async () => {
    const run = await world.start(pipeline);
    const { windows } = await run.untilResting();
    assert.ok(windows.closed > 0 && windows.open > 0);
    await run.control.stop();
    const rows = await resultsOf(pipeline);
    return rows.filter((row) => !row.final);
  });
  assert.ok(emitted.length > 0, "no window was emitted and still open");

  await world.send(topic, all.slice(FIRST));
  const run = await world.start(pipeline);
  const account = await world.phase(`drain ${EVENTS - FIRST} more`, () => run.untilDrained());
  const { counts, rows } = await world.phase(
    "check",
    () => checkAgainstOracle(pipeline, { ...world, generation: run.generation, account }),
  );
  assert.equal(counts.read, EVENTS);
  assert.ok(counts.late > 100 && counts.filtered > 1_000);
  // Some events missed a few of their windows and count in the others.
  assert.ok(counts.missed > counts.late * 3);
  assert.equal(account.events.lateByFloor, 0);
  assert.ok(rows.some((row) => row.window.start < "1970"));

  const last = new Map((await resultsOf(pipeline)).map((row) => [idOf(row), row]));
  for (const row of emitted) {
    const final = last.get(idOf(row));
    assert.ok(final !== undefined && final.revision > row.revision && final.events >= row.events);
  }
  assert.ok(emitted.some((row) => (last.get(idOf(row))?.events ?? 0) > row.events));
});

function idOf(row: { readonly window: object; readonly key: object }): string {
  return JSON.stringify([row.window, row.key]);
}
