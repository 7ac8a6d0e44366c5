/**
 * Stop, exclude and bound, arriving in the middle of every step of a drain: whatever was folded is
 * delivered once, whatever was not is folded later, and nobody waits for what can't come.
 */

import assert from "node:assert/strict";
import { gatherAccount } from "../../../cli/account.ts";
import type { DrainMode } from "../../../core/flow/drain_state.ts";
import type { ResultRow } from "../../../core/flow/row.ts";
import { event, type Gate, T0 } from "./_events.ts";
import { GENERATION, workflowTest, type WorkflowWorld } from "./_world.ts";
import { boundSignal, stopSignal } from "../../../workflows/messages.ts";

/** The steps that an activity carries out, and those in which nothing is under way. */
const STEPS = ["join", "await", "fold", "deliver", "report", "wait"] as const;
type Step = typeof STEPS[number];

const FIRST = [T0, T0 + 3_000, T0 + 12_000].map((at) => event(at));
const REST = [T0 + 13_000, T0 + 25_000, T0 + 26_000].map((at) => event(at));
const ALL = FIRST.length + REST.length;
const PLAN = { plan: { delayMs: 1_000, idleAfterMs: 60_000 }, partitions: 1 };

/** Starts a pipeline whose drain is held up in a step; resolves once it is there. */
async function heldUp(world: WorkflowWorld, step: Step): Promise<Gate> {
  const held = world.gate();
  const holdIf = async (isHeld: boolean) => {
    if (isHeld) await held.pass();
  };
  await world.control({
    scripted: (real) => ({
      async report(request) {
        const { kind } = request.report;
        await holdIf(step === "join" ? kind === "join" : step === "report" && kind === "advance");
        return await real.report(request);
      },
      async deliver(request) {
        await holdIf(step === "deliver");
        return await real.deliver(request);
      },
    }),
  });
  await world.folder((real) => ({
    async foldSlice(request) {
      await holdIf(step === "fold");
      return await real.foldSlice(request);
    },
  }));
  await world.send(0, FIRST);
  await world.startClock([0]);
  await world.startDrain(0, { until: step === "wait" ? FIRST.length : null });
  if (step === "await" || step === "wait") {
    const mode = step === "await" ? "active" : "parked";
    await world.untilDrain(0, step, (view) => view.mode === mode && view.cursor === FIRST.length);
  } else {
    await held.reached;
  }
  return held;
}

/** Drains to the end, closes all windows, and checks that every event counts once. */
async function finish(world: WorkflowWorld): Promise<void> {
  const drain = world.client.workflow.getHandle(world.drainId(0));
  await drain.signal(boundSignal, { until: ALL });
  await world.untilDrain(0, "the end", ({ mode, cursor }) => mode === "parked" && cursor === ALL);
  await world.workflows.flush(GENERATION);
  await world.untilClock("the last window", ({ open }) => open.length === 0);
  const account = await gatherAccount(world.workflows, GENERATION);
  assert.deepEqual(account.problems, []);
  assert.deepEqual([account.events.read, account.events.aggregated, account.events.late], [
    6,
    6,
    0,
  ]);
  assert.deepEqual([account.windows.closed, account.pairs.closed], [3, 6]);
  const rows: ResultRow[] = (await world.values(world.plan.resultsTopic)).map((it) =>
    JSON.parse(it)
  );
  const counts = rows.map((row) => [Date.parse(row.window.start) - T0, row.events]);
  assert.deepEqual(counts.sort(), [[0, 2], [10_000, 2], [20_000, 2]]);
}

for (const step of STEPS) {
  workflowTest(`a stop during ${step}, and a resume, lose and double nothing`, async (world) => {
    const held = await heldUp(world, step);
    const drain = world.client.workflow.getHandle(world.drainId(0));
    await drain.signal(stopSignal, { code: "TG_OVERLAP", message: "a test" });
    // A fold is given up; a local activity ends before its workflow looks at the message.
    if (step !== "fold") held.open();
    const { stop, cursor } = await world.untilDrain(
      0,
      "the stop",
      ({ mode }) => mode === "stopped",
    );
    held.open();
    assert.deepEqual([stop?.code, stop?.message], ["TG_OVERLAP", "a test"]);
    assert.equal(cursor, step === "join" || step === "fold" ? 0 : FIRST.length);
    // A stopped partition holds the watermark.
    const { partitions } = await world.untilClock("the join", ({ partitions }) => {
      return partitions[0]?.[1].mode === (step === "wait" ? "active" : partitions[0]?.[1].mode);
    });
    assert.equal(partitions[0]?.[1].mode, "active");
    await world.send(0, REST);
    const resumed = await world.workflows.resume(GENERATION, 0, cursor);
    assert.deepEqual([resumed.mode, resumed.stop, resumed.skippedOffsets], ["joining", null, 0]);
    await world.untilDrain(0, "records", (view) => view.cursor > cursor || step === "wait");
    await finish(world);
  }, PLAN);

  workflowTest(
    `an exclude during ${step} takes the partition out of the watermark`,
    async (world) => {
      const held = await heldUp(world, step);
      const excluding = world.workflows.exclude(GENERATION, 0);
      if (step !== "fold") held.open();
      assert.equal((await excluding).mode, "excluded");
      await world.untilClock("the exclusion", ({ partitions }) => {
        return partitions[0]?.[1].mode === "excluded";
      });
      held.open();
      await world.workflows.flush(GENERATION);
      await world.untilClock("the last window", ({ open }) => open.length === 0);
      const account = await gatherAccount(world.workflows, GENERATION);
      const read = step === "join" || step === "fold" ? 0 : FIRST.length;
      assert.deepEqual(account.problems, []);
      assert.deepEqual([account.events.read, account.pairs.closed], [read, read]);
      // It comes back behind the watermark: what belongs to closed windows is late by the floor.
      await world.send(0, REST);
      await world.workflows.resume(GENERATION, 0, read);
      const drain = world.client.workflow.getHandle(world.drainId(0));
      await drain.signal(boundSignal, { until: ALL });
      const { totals } = await world.untilDrain(0, "the end", (view) => view.mode === "parked");
      assert.equal(totals.read, ALL);
      assert.equal(totals.late, totals.lateByFloor);
      assert.equal(totals.late, step === "join" || step === "fold" ? 0 : 1);
    },
    PLAN,
  );

  workflowTest(
    `a bound during ${step} ends the run there, and going live goes on`,
    async (world) => {
      const held = await heldUp(world, step);
      const drain = world.client.workflow.getHandle(world.drainId(0));
      await drain.signal(boundSignal, { until: FIRST.length });
      held.open();
      const parked: DrainMode = "parked";
      await world.untilDrain(0, "the end of the first", (view) => {
        return view.mode === parked && view.cursor === FIRST.length && view.inDelivery === 0;
      });
      await world.untilClock("the park", ({ partitions }) => partitions[0]?.[1].mode === parked);
      await drain.signal(boundSignal, { until: null });
      await world.send(0, REST);
      await world.untilDrain(
        0,
        "the rest",
        (view) => view.cursor === ALL && view.mode === "active",
      );
      await finish(world);
    },
    PLAN,
  );
}
