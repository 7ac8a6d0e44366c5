/**
 * The control process is killed while it is live, and started again.
 */

import assert from "node:assert/strict";
import { produce } from "../../../producer/produce.ts";
import { tumbling } from "../../../core/windows.ts";
import { checkAgainstOracle } from "../_support/oracle.ts";
import { pathTest } from "../_support/path_tests.ts";
import { readBy } from "../_support/run.ts";
import { until } from "../_support/until.ts";

const RATE = 500;
const SECONDS = 12;

pathTest("a control process killed in the middle goes on where it was", async (world) => {
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
  assert.ok(readBy(await second.drains()) >= RATE * 4);

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

/** A worker ends when its control process has died; nobody may be there to bury it. */
async function untilGone(pid: number | null): Promise<void> {
  if (pid === null) return;
  await until(`the end of worker ${pid}`, async () => {
    const ps = new Deno.Command("ps", { args: ["-o", "stat=", "-p", String(pid)] });
    const state = new TextDecoder().decode((await ps.output()).stdout).trim();
    return state === "" || state.startsWith("Z") ? true : undefined;
  });
}
