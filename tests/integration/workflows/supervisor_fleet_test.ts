/**
 * The supervisor workflow's loop on a real Temporal server: it looks, decides and scales, and people
 * see why.
 */

import assert from "node:assert/strict";
import { supervisorId, supervisorQueue } from "../../../core/ids.ts";
import type { LeaseRequest } from "../../../core/flow/lease.ts";
import { until } from "../_support/until.ts";
import { fleetConfig, ScriptedFleet } from "./_scripted_fleet.ts";
import { workflowTest, type WorkflowWorld } from "./_world.ts";

function request(id: string): LeaseRequest {
  return {
    owner: { host: "here", pid: 7, id },
    ttlMs: 60_000,
    fingerprint: { topic: '"t"' },
    newGeneration: false,
    evict: null,
  };
}

/** A fleet whose control process "a" has the lease, and is ready to scale. */
async function begun(world: WorkflowWorld, workers: number | null = null): Promise<ScriptedFleet> {
  const fleet = new ScriptedFleet();
  await world.control({ scripted: () => fleet.activities() });
  await world.workflows.lease(request("a"));
  await world.workflows.configureFleet(fleetConfig("a", { workers }));
  return fleet;
}

async function fleetWord(world: WorkflowWorld): Promise<unknown> {
  const handle = world.client.workflow.getHandle(supervisorId(world.plan.pipeline));
  const { searchAttributes } = await handle.describe();
  return searchAttributes["TidegateFleet"]?.[0];
}

workflowTest("records wake workers, and people can read why", async (world) => {
  const fleet = await begun(world);
  await until("the first look", () => fleet.looks > 0 || undefined);
  assert.deepEqual(fleet.told, []);
  assert.equal(await fleetWord(world), "0/4");
  fleet.problems = ["worker 3: ended (exit 3) `x`"];
  fleet.load(0, 100);
  await until("workers", () => fleet.told.length > 0 || undefined);
  const { desired } = fleet;
  assert.ok(desired >= 1 && desired <= 4);
  await until(
    "the search attribute",
    async () => await fleetWord(world) === `${desired}/4` || undefined,
  );
  const { fleet: seen } = await world.workflows.supervisor();
  assert.equal(seen.policy.desired, desired);
  assert.deepEqual(seen.decisions.map(({ code }) => code), ["wake"]);
  const details = await world.details(supervisorId(world.plan.pipeline));
  assert.match(details, new RegExp(`\\*\\*Workers: ${desired} wanted\\*\\* \\(0 to 4 by load\\)`));
  assert.match(details, /PROBLEM: worker 3: ended \(exit 3\) &#96;x&#96;/);
  assert.match(details, /\| time \| workers \| why \|/);
  assert.match(details, new RegExp(`\\| 0 → ${desired} \\| 100 records waiting`));
});

workflowTest("a person's number holds at once, until it is released", async (world) => {
  const { workflows } = world;
  const fleet = await begun(world);
  assert.deepEqual((await workflows.override(3)).override, { workers: 3, by: "person" });
  await fleet.untilTold(3);
  await assert.rejects(workflows.override(5), {
    code: "TG_USAGE",
    message: /Cannot set 5 workers: must be at most 4/,
  });
  await assert.rejects(workflows.setBounds({ min: 2, max: 1 }), { code: "TG_USAGE" });
  await workflows.setBounds({ min: 1, max: 6 });
  await workflows.override(6);
  await fleet.untilTold(6);
  await workflows.setBounds({ min: 1, max: 2 });
  await fleet.untilTold(2);
  // Released, the load decides within the bounds.
  await workflows.override(null);
  await workflows.setBounds({ min: 0, max: 1 });
  await fleet.untilTold(1);
  const { fleet: seen } = await workflows.supervisor();
  assert.deepEqual([seen.bounds, seen.override], [{ min: 0, max: 1 }, null]);
});

workflowTest("only who has the lease scales, and it is over when he stands down", async (world) => {
  const { workflows } = world;
  const fleet = await begun(world, 2);
  await fleet.untilTold(2);
  await assert.rejects(workflows.configureFleet(fleetConfig("b")), {
    code: "TG_CONTROL_LOST",
    message: /another process has the lease/,
  });
  await workflows.standDown("a");
  const { looks } = fleet;
  await workflows.override(1);
  await workflows.endLease("a");
  assert.deepEqual([fleet.looks, fleet.desired], [looks, 2]);
  await until("the word", async () => await fleetWord(world) === "off" || undefined);
  // The next one goes on with what was set.
  await workflows.lease(request("b"));
  await workflows.configureFleet(fleetConfig("b"));
  await fleet.untilTold(1);
});

workflowTest("a look that fails is taken again", async (world) => {
  const fleet = new ScriptedFleet();
  fleet.failing = 2;
  await world.control({ scripted: () => fleet.activities() });
  await world.workflows.lease(request("a"));
  await world.workflows.configureFleet(fleetConfig("a", { workers: 1 }));
  await fleet.untilTold(1);
  assert.ok(fleet.looks >= 3);
});

workflowTest("the fleet goes on when the supervisor continues as new", async (world) => {
  const { workflows, client, plan } = world;
  const fleet = new ScriptedFleet();
  fleet.eager = true;
  await world.control({ scripted: () => fleet.activities() });
  const workflowId = supervisorId(plan.pipeline);
  await client.workflow.start("supervisor", {
    workflowId,
    taskQueue: supervisorQueue(plan.pipeline),
    args: [{ pipeline: plan.pipeline, continueAfter: 40 }],
  });
  await workflows.lease(request("a"));
  await workflows.configureFleet(fleetConfig("a"));
  fleet.load(0, 1);
  await fleet.untilTold(1);
  const runs = await world.runs(workflowId);
  await until("two more runs", async () => await world.runs(workflowId) >= runs + 2 || undefined);
  assert.deepEqual(fleet.told, [{ desired: 1, replace: [] }]);
  const { fleet: seen } = await workflows.supervisor();
  assert.deepEqual(seen.decisions.map(({ code, desired }) => [code, desired]), [["wake", 1]]);
});
