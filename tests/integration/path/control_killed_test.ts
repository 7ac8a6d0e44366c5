/**
 * The control process is killed while it is live, and started again.
 */

import assert from "node:assert/strict";
import { generateRecords } from "../../../producer/generate.ts";
import { produce } from "../../../producer/produce.ts";
import { tumbling } from "../../../core/event_time/windows.ts";
import { checkAgainstOracle } from "../_support/oracle.ts";
import { pathTest } from "../_support/path_tests.ts";
import { readBy } from "../_support/run.ts";
import { until } from "../_support/until.ts";

const RATE = 500;
const SECONDS = 12;

pathTest("a live control process that is killed goes on where it was", async (world) => {
  const pipeline = await world.pipeline({
    windowing: tumbling("2s"),
    delayMs: 1_000,
    idleAfterMs: 6_000,
  });
  const { topic } = pipeline.plan;
  await world.createTopic(topic, 4);
  const first = await world.start(pipeline, { mode: "live", workers: 2 });
  const producing = produce({
    pipeline,
    partitions: 4,
    seed: 3,
    rate: RATE,
    seconds: SECONDS,
    disorderMs: 1_500,
    invalidShare: 0.01,
  }, world.writer);
  producing.catch(() => undefined);

  const before = await world.phase("kill it", async () => {
    await first.untilRead(RATE * 4);
    const slots = await first.control.slots();
    await first.control.kill();
    for (const { pid } of slots) await untilGone(pid);
    return first.control.generation;
  });
  const second = await world.phase(
    "start it again",
    () => world.start(pipeline, { mode: "live", workers: 2 }),
  );
  assert.equal(second.generation, before);
  // What it had read was not forgotten.
  assert.ok(readBy(await second.view()) >= RATE * 4);

  const { sent } = await world.phase("produce to the end", () => producing);
  assert.equal(sent, RATE * SECONDS);
  await world.phase("the last windows close", async () => {
    await second.untilRead(sent);
    await second.untilClosed();
  });
  const account = await second.account();
  const { counts } = await world.phase(
    "check",
    () => checkAgainstOracle(pipeline, { ...world, generation: second.generation, account }),
  );
  assert.equal(counts.read, sent);
  assert.ok(counts.late > 0 && counts.invalid > 0);
  assert.equal(account.events.lateByFloor, 0);
});

pathTest(
  "killed in the middle of a backlog, again and again, it comes to the same",
  async (world) => {
    const events = 60_000;
    const pipeline = await world.pipeline();
    const { topic } = pipeline.plan;
    await world.createTopic(topic, 3);
    const records = generateRecords(pipeline, {
      seed: 8,
      rate: events / 600,
      count: events,
      fromMs: Date.parse("2020-01-01T00:00:00Z"),
      partitions: 3,
      disorderMs: 62_000,
      duplicateShare: 0.01,
    });
    await world.send(topic, records);
    // Slices as small as can be: what is under way differs from kill to kill.
    const start = () => world.start(pipeline, { workers: 2, sliceMs: 5 });
    let run = await start();
    for (const share of [0.2, 0.6]) {
      await world.phase(`kill it at ${share * 100} %`, async () => {
        await run.untilRead(events * share);
        await run.control.kill();
        run = await start();
      });
    }
    const account = await world.phase("drain", () => run.untilDrained());
    assert.equal(account.events.read, events);
    assert.equal(account.events.lateByFloor, 0);
    await checkAgainstOracle(pipeline, { ...world, generation: run.generation, account });
  },
);

/** A worker ends when its control process has died; nobody may be there to bury it. */
async function untilGone(pid: number | null): Promise<void> {
  if (pid === null) return;
  await until(`the end of worker ${pid}`, async () => {
    const ps = new Deno.Command("ps", { args: ["-o", "stat=", "-p", String(pid)] });
    const state = new TextDecoder().decode((await ps.output()).stdout).trim();
    return state === "" || state.startsWith("Z") ? true : undefined;
  });
}
