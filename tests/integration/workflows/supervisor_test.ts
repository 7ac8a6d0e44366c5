/**
 * The supervisor workflow: who holds the lease, and which generation goes on.
 */

import assert from "node:assert/strict";
import { supervisorId, supervisorQueue } from "../../../core/ids.ts";
import type { LeaseRequest } from "../../../core/flow/lease.ts";
import { until } from "../_support/until.ts";
import { workflowTest } from "./_world.ts";

/** What a control process asks for. */
function request(id: string, changes: Partial<LeaseRequest> = {}): LeaseRequest {
  return {
    owner: { host: "one|`two`", pid: 7, id },
    ttlMs: 60_000,
    fingerprint: { delayMs: "1000", topic: '"t"' },
    newGeneration: false,
    evict: null,
    ...changes,
  };
}

workflowTest("one control process at a time holds the lease", async (world) => {
  const { workflows } = world;
  assert.equal(await workflows.exists(), false);
  await world.control();
  assert.deepEqual(await workflows.lease(request("a")), {
    granted: true,
    generation: 1,
    from: "earliest",
  });
  assert.equal(await workflows.exists(), true);
  const { lease } = await workflows.supervisor();
  assert.equal(lease?.owner.id, "a");
  const refused = await workflows.lease(request("b"));
  assert.deepEqual(refused, { granted: false, code: "TG_CONTROL_RUNNING", lease });
  assert.match(
    await world.details(supervisorId(world.plan.pipeline)),
    /^\*\*Generation 1\*\*; control process: one&#124;&#96;two&#96;, pid 7, since 20/,
  );
  // The holder renews it, and keeps its beginning.
  assert.deepEqual(await workflows.lease(request("a")), {
    granted: true,
    generation: 1,
    from: "earliest",
  });
  const renewed = (await workflows.supervisor()).lease;
  assert.equal(renewed?.sinceMs, lease?.sinceMs);
  assert.ok((renewed?.untilMs ?? 0) > (lease?.untilMs ?? 0));
  // Only the holder gives it back.
  await workflows.endLease("b");
  assert.equal((await workflows.lease(request("b"))).granted, false);
  await workflows.endLease("a");
  assert.deepEqual(await workflows.lease(request("b")), {
    granted: true,
    generation: 1,
    from: "earliest",
  });
  // A dead holder is put out by name, and by nobody else's.
  assert.equal((await workflows.lease(request("c", { evict: "a" }))).granted, false);
  assert.equal((await workflows.lease(request("c", { evict: "b" }))).granted, true);
});

workflowTest("a lease that nobody renews ends", async (world) => {
  const { workflows } = world;
  await world.control();
  assert.equal((await workflows.lease(request("a", { ttlMs: 400 }))).granted, true);
  const refused = await workflows.lease(request("b"));
  assert.ok(!refused.granted && refused.code === "TG_CONTROL_RUNNING");
  const { untilMs } = refused.lease;
  await new Promise((resolve) => setTimeout(resolve, untilMs - Date.now() + 20));
  assert.equal((await workflows.lease(request("b"))).granted, true);
  assert.equal((await workflows.lease(request("a"))).granted, false);
});

workflowTest("a changed definition needs a new generation", async (world) => {
  const { workflows } = world;
  await world.control();
  await workflows.lease(request("a"));
  await workflows.endLease("a");
  const fingerprint = { delayMs: "2000", topic: '"t"' };
  assert.deepEqual(await workflows.lease(request("b", { fingerprint })), {
    granted: false,
    code: "TG_DEFINITION_CHANGED",
    differences: ["watermark.delay: was 1s, is 2s"],
  });
  assert.equal((await workflows.supervisor()).lease, null);
  const asked = request("b", { fingerprint, newGeneration: true });
  assert.deepEqual(await workflows.lease(asked), {
    granted: true,
    generation: 2,
    from: "earliest",
  });
  // A repeated call, as after a lost answer, begins no third one.
  assert.deepEqual(await workflows.lease(asked), {
    granted: true,
    generation: 2,
    from: "earliest",
  });
  await workflows.endLease("b");
  assert.deepEqual(await workflows.lease(request("c", { fingerprint })), {
    granted: true,
    from: "earliest",
    generation: 2,
  });
});

workflowTest("the supervisor keeps its state when it continues as new", async (world) => {
  const { workflows, client, plan } = world;
  await world.control();
  const workflowId = supervisorId(plan.pipeline);
  await client.workflow.start("supervisor", {
    workflowId,
    taskQueue: supervisorQueue(plan.pipeline),
    args: [{ pipeline: plan.pipeline, continueAfter: 20 }],
  });
  await workflows.lease(request("a"));
  await workflows.lease(request("b", { evict: "a", newGeneration: true }));
  for (let i = 0; i < 10; i++) {
    const refused = await workflows.lease(request("a"));
    assert.ok(!refused.granted && refused.code === "TG_CONTROL_RUNNING");
    assert.deepEqual(await workflows.lease(request("b")), {
      granted: true,
      generation: 2,
      from: "earliest",
    });
  }
  assert.ok(await world.runs(workflowId) >= 3);
});

workflowTest(
  "a renewal begins nothing, and is refused only to who has not got the lease",
  async (world) => {
    const { workflows, client, plan } = world;
    await world.control();
    const renewal = { ownerId: "a", generation: 1, ttlMs: 60_000 };
    const lost = { granted: false, code: "TG_CONTROL_LOST" };
    assert.deepEqual(await workflows.renew(renewal), lost);
    assert.equal(await workflows.exists(), false);
    const workflowId = supervisorId(plan.pipeline);
    await client.workflow.start("supervisor", {
      workflowId,
      taskQueue: supervisorQueue(plan.pipeline),
      args: [{ pipeline: plan.pipeline, continueAfter: 20 }],
    });
    await workflows.lease(request("a"));
    assert.deepEqual(await workflows.renew({ ...renewal, ownerId: "b" }), lost);
    assert.deepEqual(await workflows.renew({ ...renewal, generation: 2 }), lost);
    // Nobody loses the lease because a run has just ended; at worst there is no answer.
    let over = false;
    const problems: string[] = [];
    const renewing = Array.from({ length: 3 }, async () => {
      while (!over) {
        const answer = await workflows.renew(renewal).catch((error) => `${error.code}`);
        if (typeof answer === "string") problems.push(answer);
        else if (!answer.granted) problems.push(answer.code);
      }
    });
    await until("many runs", async () => await world.runs(workflowId) >= 20 || undefined, {
      everyMs: 200,
    }).finally(() => over = true);
    await Promise.all(renewing);
    assert.deepEqual(problems.filter((code) => code !== "TG_TEMPORAL_UNANSWERED"), []);
  },
);
