import assert from "node:assert/strict";
import { auditGeneration } from "../../cli/audit.ts";
import type { ResultRow } from "../../core/flow/row.ts";
import { rowRecordKey } from "../../core/flow/row.ts";
import { formatInstant } from "../../core/event_time/instants.ts";
import { Drain, newDrain } from "../../core/flow/drain.ts";
import { type GenerationView, viewOf } from "../../core/flow/view.ts";
import { NO_SWEEP_COUNTS } from "../../core/flow/counts.ts";
import { runPlanOf } from "../../core/plan.ts";
import sensors from "../../pipelines/sensor_minutes.ts";
import type { WindowView } from "../../workflows/messages.ts";
import { createFakeLog, type FakeLog } from "../fake_log/fake_log.ts";

const { plan } = sensors;
const GENERATION = 2;

/** A generation that has read 10 records: 6 in a closed window of two rows, 2 late, 2 invalid. */
function look(): GenerationView {
  const drain = new Drain({
    ...runPlanOf(plan),
    generation: GENERATION,
    topicId: null,
    paceMs: 5_000,
    sliceMs: 1_000,
    deliverEveryMs: 5_000,
    emitEveryMs: null,
    maxOpenWindows: 100,
  }, newDrain([{ partition: 0, cursor: 0 }], "h"));
  const view = viewOf(drain);
  const [p] = view.partitions;
  assert.ok(p !== undefined);
  const totals = {
    ...NO_SWEEP_COUNTS,
    read: 10,
    aggregated: 6,
    late: 2,
    invalid: 2,
    assigned: 8,
    missed: 2,
  };
  return {
    ...view,
    watermark: 90_000,
    partitions: [{ ...p, cursor: 10, end: 10, totals }],
    closed: { windows: 1, pairs: 6, rows: 2 },
  };
}

function row(house: string, changes: Partial<ResultRow> = {}): ResultRow {
  return {
    pipeline: plan.pipeline,
    generation: GENERATION,
    window: { start: formatInstant(0), end: formatInstant(60_000) },
    key: { house },
    events: 3,
    values: {},
    revision: 0,
    final: true,
    watermark: formatInstant(80_000),
    emittedAt: formatInstant(81_000),
    ...changes,
  };
}

/** A log as that generation has written it. */
async function written(): Promise<FakeLog> {
  const log = createFakeLog();
  await log.admin.createTopics(
    [plan.resultsTopic, plan.lateTopic, plan.invalidTopic].map((topic) => (
      { topic, partitions: 1 }
    )),
  );
  await emit(log, row("a", { events: 1, final: false }), row("a"), row("b"));
  await emit(log, row("c", { generation: 1 }));
  for (const offset of [3, 5]) await reject(log, plan.lateTopic, offset);
  // A sweep that was struck has written one twice.
  for (const offset of [4, 6, 6]) await reject(log, plan.invalidTopic, offset);
  return log;
}

async function emit(log: FakeLog, ...rows: ResultRow[]): Promise<void> {
  await log.writer.send(
    plan.resultsTopic,
    rows.map((row) => ({ key: rowRecordKey(row), value: JSON.stringify(row) })),
  );
}

async function reject(
  log: FakeLog,
  topic: string,
  offset: number,
  generation = GENERATION,
): Promise<void> {
  const value = JSON.stringify({ topic: plan.topic, partition: 0, offset, generation });
  await log.writer.send(topic, [{ key: null, value }]);
}

async function audit(
  log: FakeLog,
  view = look(),
  windows: Readonly<Record<number, Pick<WindowView, "n" | "held">>> = {},
) {
  const said = (start: number, shard: number): WindowView | null => {
    const known = windows[start];
    return known === undefined
      ? null
      : { start, shard, cells: [], pairs: 0, emissions: 0, spans: [], ...known };
  };
  return await auditGeneration({
    generation: GENERATION,
    drain: {
      view: () => Promise.resolve(view),
      audited: (start, shard) => Promise.resolve(said(start, shard)),
    },
    reader: log.reader,
  }, plan);
}

Deno.test("audit: topics that hold what was counted are ok; the last record of a row counts", async () => {
  const { ok, problems, unknown } = await audit(await written());
  assert.deepEqual([ok, problems, unknown], [true, [], []]);
});

Deno.test("audit: a results topic that was deleted, or keeps an older revision, is found", async () => {
  const log = await written();
  await log.admin.deleteTopics([plan.resultsTopic]);
  assert.match((await audit(log)).problems.join(), /have 2 rows, the topic 0/);
  const other = await written();
  await emit(other, row("a", { events: 1, final: false }));
  assert.match((await audit(other)).problems.join(), /1 rows of closed windows are not final/);
});

Deno.test("audit: what was removed can't be checked, and is said", async () => {
  const log = await written();
  await log.admin.deleteRecords(plan.resultsTopic, 0, 1);
  await log.admin.deleteRecords(plan.invalidTopic, 0, 1);
  const { ok, unknown } = await audit(log);
  assert.equal(ok, true);
  assert.deepEqual(unknown.map((what) => what.split(":")[0]), ["results", "side topics"]);
  // Old records of which nothing is missed are no matter.
  const enough = await written();
  await reject(enough, plan.lateTopic, 3);
  await enough.admin.deleteRecords(plan.lateTopic, 0, 1);
  assert.deepEqual((await audit(enough)).unknown, []);
});

Deno.test("audit: rejects of other generations, beyond the cursor and where somebody skipped don't count", async () => {
  const log = createFakeLog();
  await log.admin.createTopics([{ topic: plan.lateTopic, partitions: 1 }]);
  await reject(log, plan.lateTopic, 3);
  await reject(log, plan.lateTopic, 5, 1);
  await reject(log, plan.lateTopic, 10);
  await reject(log, plan.lateTopic, 8);
  const view = look();
  const partitions = view.partitions.map((p) => (
    { ...p, skipped: [[7, 9]] as const, skippedOffsets: 2 }
  ));
  const { problems } = await audit(log, { ...view, partitions });
  assert.ok(problems.includes("partition 0: 2 late records, the topic has 1"), problems.join());
  assert.ok(problems.includes("partition 0: 2 invalid records, the topic has 0"));
});

Deno.test("audit: each open window is asked what it held after the call that the drain knows", async () => {
  const view = look();
  const window = {
    shard: 0,
    n: 2,
    pairs: 4,
    waiting: 0,
    calling: null,
    emitted: false,
    unwrittenSinceMs: null,
    broken: null,
  };
  const open = [{ ...window, start: 120_000 }, { ...window, start: 180_000, n: 0, pairs: 0 }];
  const [p] = view.partitions;
  assert.ok(p !== undefined);
  const totals = { ...p.totals, read: 14, aggregated: 10, assigned: 12 };
  const looked = { ...view, open, openWindows: 2, partitions: [{ ...p, totals }] };
  const held: WindowView["held"] = [[1, 1], [2, 4], [3, 9]];
  assert.deepEqual(
    (await audit(await written(), looked, { 120_000: { n: 3, held } })).problems,
    [],
  );
  const wrong = await audit(await written(), looked, { 120_000: { n: 2, held: [[2, 3]] } });
  assert.match(wrong.problems.join(), /must hold 4 pairs after call 2, holds 3/);
  assert.match((await audit(await written(), looked)).problems.join(), /TG_WINDOW_LOST/);
});
