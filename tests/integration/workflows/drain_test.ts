/**
 * The drain workflow: the whole cycle over real activities, and how their failures reach it.
 */

import assert from "node:assert/strict";
import { gatherAccount } from "../../../cli/account.ts";
import { TidegateError } from "../../../core/errors.ts";
import { until } from "../_support/until.ts";
import { event, SIZE, T0 } from "./_events.ts";
import { GENERATION, workflowTest, type WorkflowWorld } from "./_world.ts";
import { boundSignal, stopSignal } from "../../../workflows/messages.ts";

/** Ends a bounded run: closes all windows and adds the account up. */
async function accountAtEnd(world: WorkflowWorld) {
  await world.workflows.flush(GENERATION);
  await world.untilClock("the last window", ({ open }) => open.length === 0);
  return await gatherAccount(world.workflows, GENERATION);
}

/** How a stopped partition stopped. */
async function stopOf(world: WorkflowWorld): Promise<[code: string, message: string]> {
  const { stop } = await world.untilDrain(0, "the stop", (view) => view.mode === "stopped");
  return [stop?.code ?? "", stop?.message ?? ""];
}

workflowTest(
  "a drain folds, delivers and reports; windows close behind the watermark",
  async (world) => {
    await world.control();
    await world.folder();
    await world.startClock([0, 1]);
    await world.startDrain(0);
    await world.startDrain(1);
    await world.send(0, [event(T0, "a", 2), event(T0 + 12_000, "a", 3)]);
    await world.send(1, [event(T0 + 1_000, "a", 5), event(T0 + 11_500, "b", 7)]);
    const result = await world.result(T0);
    assert.deepEqual(result.rows?.map(({ key, values }) => [key.course, values.total_loc]), [[
      "a",
      7,
    ]]);
    const view = await world.untilDrain(0, "the report", ({ untold }) => untold.length === 0);
    const { busyMs, slices, ...rest } = view;
    assert.ok(busyMs >= 0 && slices >= 1);
    assert.deepEqual(rest, {
      partition: 0,
      mode: "active",
      stop: null,
      cursor: 2,
      end: 2,
      until: null,
      maxEventTime: T0 + 12_000,
      watermark: T0 + 11_000,
      totals: {
        read: 2,
        aggregated: 2,
        late: 0,
        lateByFloor: 0,
        invalid: 0,
        skewed: 0,
        filtered: 0,
        assigned: 2,
        missed: 0,
      },
      inDelivery: 0,
      untold: [],
      lostPairs: 0,
      skippedOffsets: 0,
      held: false,
    });
    const details = await world.details(world.drainId(0));
    assert.match(
      details,
      /^\*\*Partition 0: active\*\*, cursor 2, lag 0, watermark 2026-03-01T10:00:11/,
    );
    assert.match(details, /\n\| 2 \| 2 \| 0 \| 0 \| 0 \| 0 \| \d+ \|$/);
    assert.deepEqual((await gatherAccount(world.workflows, GENERATION)).problems, []);
  },
  { plan: { delayMs: 1_000 } },
);

workflowTest("a still partition becomes idle, and joins before it goes on", async (world) => {
  await world.control();
  await world.folder();
  await world.startClock([0, 1]);
  await world.startDrain(0);
  await world.startDrain(1);
  await world.send(0, [event(T0)]);
  await world.untilDrain(0, "idleness", (view) => view.mode === "idle");
  const search = async () => {
    const { typedSearchAttributes } = await world.client.workflow.getHandle(world.drainId(0))
      .describe();
    return typedSearchAttributes.getAll().find(({ key }) => key.name === "TidegateState")?.value;
  };
  await until("the attribute", async () => await search() === "idle" || undefined);
  // The other one moves the watermark on alone; who comes back takes it as its floor.
  await world.send(1, [event(T0 + 30_000)]);
  await world.untilClock("the watermark", ({ watermark }) => (watermark ?? 0) >= T0 + 29_000);
  await world.send(0, [event(T0 + 2_000), event(T0 + 31_000)]);
  const { totals } = await world.untilDrain(0, "the rest", (view) => view.cursor === 3);
  assert.deepEqual([totals.late, totals.lateByFloor, totals.aggregated], [1, 1, 2]);
  const [late] = await world.values(world.plan.lateTopic);
  assert.match(late ?? "", /"offset":1/);
}, { plan: { delayMs: 1_000, idleAfterMs: 300 } });

workflowTest("a drain continues as new between cycles", async (world) => {
  await world.control();
  await world.folder();
  await world.startClock([0], 40);
  await world.startDrain(0, { continueAfter: 40, paceMs: 10 });
  const rounds = 12;
  for (let i = 0; i < rounds; i++) {
    await world.send(0, [event(T0 + i * SIZE), event(T0 + i * SIZE + 5_000)]);
    await world.untilDrain(0, `round ${i}`, (view) => view.cursor === 2 * (i + 1));
  }
  await world.client.workflow.getHandle(world.drainId(0)).signal(boundSignal, {
    until: 2 * rounds,
  });
  await world.untilDrain(0, "the end", (view) => view.mode === "parked");
  const account = await accountAtEnd(world);
  assert.deepEqual(account.problems, []);
  assert.deepEqual([account.events.aggregated, account.windows.closed], [2 * rounds, rounds]);
  assert.ok(await world.runs(world.drainId(0)) >= 3);
}, { plan: { delayMs: 1_000, idleAfterMs: 60_000 } });

workflowTest("an offset that is gone stops the partition until somebody chooses", async (world) => {
  await world.control();
  await world.folder();
  await world.startClock([0]);
  await world.send(0, [event(T0), event(T0 + 1_000), event(T0 + 2_000)]);
  await world.log.admin.deleteRecords(world.plan.topic, 0, 2);
  await world.startDrain(0);
  const [code, message] = await stopOf(world);
  assert.equal(code, "TG_OFFSET_GONE");
  assert.match(message, /the offset must be in \[2, 3\], got 0. Records were deleted/);
  const refusal = (from: number) =>
    assert.rejects(world.workflows.resume(GENERATION, 0, from), (error) => {
      return error instanceof TidegateError && error.code === "TG_USAGE" &&
        error.message.startsWith(`Cannot resume partition 0 from ${from}: must be at or after`);
    });
  await refusal(-1);
  await refusal(0.5);
  await world.workflows.resume(GENERATION, 0, 2);
  const { skippedOffsets, totals } = await world.untilDrain(
    0,
    "the rest",
    ({ cursor }) => cursor === 3,
  );
  assert.deepEqual([skippedOffsets, totals.read], [2, 1]);
  await assert.rejects(world.workflows.resume(GENERATION, 0, 3), {
    message: /Cannot resume partition 0: it is active/,
  });
});

workflowTest("a worker that finds the offset gone stops the partition too", async (world) => {
  await world.control();
  await world.folder((real) => ({
    async foldSlice(request) {
      if (request.from === 0) await world.log.admin.deleteRecords(world.plan.topic, 0, 1);
      return await real.foldSlice(request);
    },
  }));
  await world.startClock([0]);
  await world.send(0, [event(T0), event(T0 + 1_000)]);
  await world.startDrain(0);
  assert.equal((await stopOf(world))[0], "TG_OFFSET_GONE");
  await world.workflows.resume(GENERATION, 0, 1);
  await world.untilDrain(0, "the rest", ({ cursor }) => cursor === 2);
});

workflowTest("a topic that is gone or another one stops the partition", async (world) => {
  await world.control();
  const { topic } = world.plan;
  const topicId = (await world.log.reader.describe(topic))?.topicId ?? null;
  await world.startClock([0]);
  await world.startDrain(0, { topicId });
  await world.untilDrain(0, "the join", (view) => view.mode === "active");
  await world.log.admin.deleteTopics([topic]);
  assert.equal((await stopOf(world))[0], "TG_TOPIC_MISSING");
  await world.log.admin.createTopics([{ topic, partitions: 1 }]);
  await world.workflows.resume(GENERATION, 0, 0);
  await until("the second stop", async () => {
    const { stop } = await world.drain(0);
    return stop?.code === "TG_TOPIC_RECREATED" ? true : undefined;
  });
});

workflowTest("an outage stops nothing", async (world) => {
  const attempts: string[] = [];
  await world.control({
    scripted: (real) => ({
      async awaitRecords(request) {
        attempts.push("await");
        return await real.awaitRecords(request);
      },
      async report(request) {
        attempts.push("report");
        if (attempts.length < 3) throw new Error("the server is away");
        return await real.report(request);
      },
    }),
  });
  await world.folder();
  await world.startClock([0]);
  world.log.outage = true;
  await world.startDrain(0);
  await until("two looks", () => attempts.filter((it) => it === "await").length >= 2 || undefined);
  world.log.outage = false;
  await world.send(0, [event(T0)]);
  const { mode, stop } = await world.untilDrain(0, "the record", (view) => view.cursor === 1);
  assert.deepEqual([mode, stop], ["active", null]);
  assert.deepEqual(attempts.slice(0, 3), ["report", "report", "report"]);
});

workflowTest("a failure that is final stops the partition and fails no workflow", async (world) => {
  let refusing = true;
  await world.control({
    scripted: (real) => ({
      awaitRecords(request) {
        if (!refusing) return real.awaitRecords(request);
        throw nonRetryable("TG_CONFIG", "Cannot fetch: the broker must permit it");
      },
    }),
  });
  await world.startClock([0]);
  const { ApplicationFailure } = await import("@temporalio/common");
  const nonRetryable = (type: string, message: string) =>
    ApplicationFailure.create({ type, message, nonRetryable: true });
  await world.startDrain(0);
  assert.deepEqual(await stopOf(world), ["TG_CONFIG", "Cannot fetch: the broker must permit it"]);
  assert.match(await world.details(world.drainId(0)), /\*\*TG&#95;CONFIG\*\* since 20.*permit it/);
  refusing = false;
  await world.workflows.resume(GENERATION, 0, 0);
  await world.untilDrain(0, "the join", (view) => view.mode === "active");
});

workflowTest("a failure of no known code stops the partition as well", async (world) => {
  await world.control();
  const { ApplicationFailure } = await import("@temporalio/common");
  await world.folder(() => ({
    foldSlice() {
      throw ApplicationFailure.nonRetryable("it will never do");
    },
  }));
  await world.startClock([0]);
  await world.send(0, [event(T0)]);
  await world.startDrain(0);
  assert.deepEqual(await stopOf(world), ["TG_ACTIVITY_FAILED", "it will never do"]);
});

workflowTest("a clock that has ended stops the partition", async (world) => {
  await world.control();
  await world.folder();
  await world.startClock([0]);
  await world.startDrain(0);
  await world.untilDrain(0, "the join", (view) => view.mode === "active");
  await world.client.workflow.getHandle(world.clockId).terminate("a test");
  await world.send(0, [event(T0), event(T0 + SIZE), event(T0 + 2 * SIZE)]);
  const [code, message] = await stopOf(world);
  assert.equal(code, "TG_GENERATION_LOST");
  assert.match(message, /clock .* does not run any more. Begin a new generation/);
  const { cursor, inDelivery } = await world.drain(0);
  assert.deepEqual([cursor, inDelivery], [3, 0]);
}, { plan: { delayMs: 1_000 } });

workflowTest(
  "a lost window stops the partition; what it held is given up by choice",
  async (world) => {
    await world.control();
    await world.folder();
    await world.startClock([0]);
    await world.send(0, [event(T0)]);
    await world.startDrain(0);
    await until("the window", async () => {
      return await world.workflows.window(world.windowId(T0)) ?? undefined;
    });
    await world.client.workflow.getHandle(world.windowId(T0)).terminate("a test");
    await world.send(0, [event(T0 + 1_000), event(T0 + 2_000), event(T0 + SIZE)]);
    const [code, message] = await stopOf(world);
    assert.equal(code, "TG_WINDOW_LOST");
    assert.match(message, /2026-03-01T10:00:00.000Z did not complete/);
    const { inDelivery, lostPairs } = await world.drain(0);
    assert.deepEqual([inDelivery, lostPairs], [2, 0]);
    const resumed = await world.workflows.resume(GENERATION, 0, 4);
    assert.deepEqual([resumed.inDelivery, resumed.lostPairs], [0, 2]);
    await world.client.workflow.getHandle(world.drainId(0)).signal(boundSignal, { until: 4 });
    await world.untilDrain(0, "the end", (view) => view.mode === "parked");
    const account = await accountAtEnd(world);
    assert.deepEqual([account.lost, account.pairs.closed, account.pairs.assigned], [2, 1, 4]);
    assert.equal(account.ok, false);
    assert.ok(account.problems.some((it) => it.includes("TG_WINDOW_LOST")));
  },
  { plan: { delayMs: 60_000, idleAfterMs: 60_000 } },
);

workflowTest(
  "a slice that a completed window refuses becomes late, whenever it is stopped",
  async (world) => {
    const refolding = world.gate();
    let refused = false;
    await world.control({
      scripted: (real) => ({
        async deliver(request) {
          const outcomes = await real.deliver(request);
          return refused ? outcomes : (refused = true, outcomes.map(() => "refused" as const));
        },
      }),
    });
    const refolds: number[] = [];
    await world.folder((real) => ({
      async foldSlice(request) {
        if (request.refused !== undefined) {
          refolds.push(request.from);
          if (refolds.length === 1) await refolding.pass();
        }
        return await real.foldSlice(request);
      },
    }));
    await world.send(0, [event(T0), event(T0 + 1_000)]);
    await world.startClock([0]);
    await world.startDrain(0, { until: 2 });
    await refolding.reached;
    assert.equal((await world.drain(0)).inDelivery, 2);
    const drain = world.client.workflow.getHandle(world.drainId(0));
    await drain.signal(stopSignal, { code: "TG_OVERLAP", message: "a test" });
    assert.equal((await stopOf(world))[0], "TG_OVERLAP");
    await world.workflows.resume(GENERATION, 0, 2);
    const { totals, inDelivery } = await world.untilDrain(
      0,
      "the end",
      (view) => view.mode === "parked",
    );
    refolding.open();
    assert.deepEqual(refolds, [0, 0]);
    assert.deepEqual([totals.aggregated, totals.late, totals.missed, inDelivery], [0, 2, 2, 0]);
    const late = (await world.values(world.plan.lateTopic)).map((text) => JSON.parse(text));
    assert.deepEqual(new Set(late.map(({ reason }) => reason)), new Set(["window-closed"]));
    assert.deepEqual(new Set(late.map(({ offset }) => offset)), new Set([0, 1]));
  },
);

workflowTest(
  "a partition with no worker to fold it can be stopped, excluded and resumed",
  async (world) => {
    await world.control();
    await world.startClock([0, 1]);
    await world.startDrain(1);
    await world.send(0, [event(T0)]);
    await world.startDrain(0);
    const handle = world.client.workflow.getHandle(world.drainId(0));
    await until("the slice in the queue", async () => {
      const { raw } = await handle.describe();
      return raw.pendingActivities?.[0]?.activityType?.name === "foldSlice" || undefined;
    });
    await world.workflows.exclude(GENERATION, 0);
    await world.untilClock(
      "the exclusion",
      ({ partitions }) => partitions[0]?.[1].mode === "excluded",
    );
    await world.workflows.resume(GENERATION, 0, 0);
    await handle.signal(stopSignal, { code: "TG_OVERLAP", message: "a test" });
    await stopOf(world);
    const { raw } = await handle.describe();
    assert.deepEqual(raw.pendingActivities, []);
    await world.workflows.resume(GENERATION, 0, 0);
    await world.folder();
    const { totals } = await world.untilDrain(0, "the record", (view) => view.cursor === 1);
    assert.equal(totals.read, 1);
  },
);

workflowTest("a partition too far ahead is held until the others come", async (world) => {
  await world.control();
  await world.folder();
  await world.startClock([0, 1]);
  await world.send(0, [event(T0), event(T0 + 3_600_000)]);
  await world.send(1, [event(T0)]);
  await world.startDrain(1, { sliceMs: 0 });
  await world.untilDrain(1, "the first", (view) => view.cursor === 1);
  await world.startDrain(0);
  await world.untilDrain(0, "both", (view) => view.cursor === 2);
  await world.send(0, [event(T0 + 3_600_001)]);
  await world.untilDrain(0, "the hold", (view) => view.held);
  assert.match(await world.details(world.drainId(0)), /held: too far ahead of the watermark/);
  const drain = world.client.workflow.getHandle(world.drainId(0));
  await drain.signal(stopSignal, { code: "TG_OVERLAP", message: "a test" });
  await stopOf(world);
  assert.equal((await world.drain(0)).cursor, 2);
  await world.workflows.resume(GENERATION, 0, 2);
  await world.send(1, [event(T0 + 3_600_000)]);
  await world.untilDrain(0, "the third", (view) => view.cursor === 3 && !view.held);
}, { plan: { delayMs: 1_000, idleAfterMs: 60_000, maxDriftMs: 10_000 } });

workflowTest("a look at the log ends when nobody needs it any more", async (world) => {
  const aborted = world.gate();
  await world.control({
    scripted: (real) => ({
      async awaitRecords(request) {
        const { Context } = await import("@temporalio/activity");
        const { cancellationSignal } = Context.current();
        cancellationSignal.addEventListener("abort", () => void aborted.pass());
        return await real.awaitRecords({ ...request, quietMs: 60_000 });
      },
    }),
  });
  await world.startClock([0]);
  await world.startDrain(0);
  const handle = world.client.workflow.getHandle(world.drainId(0));
  await until("the look", async () => {
    return (await handle.describe()).raw.pendingActivities?.length === 1 || undefined;
  });
  const beganMs = performance.now();
  await world.workflows.exclude(GENERATION, 0);
  await world.untilDrain(0, "the exclusion", (view) => view.mode === "excluded");
  assert.ok(performance.now() - beganMs < 2_500, "the drain does not wait for the look to end");
  await aborted.reached;
}, { plan: { idleAfterMs: 60_000 } });
