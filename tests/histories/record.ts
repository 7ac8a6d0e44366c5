/**
 * Records the histories that `tests/integration/workflows/histories_test.ts` replays: one pipeline
 * whose workflows go through everything they know, on a real Temporal server.
 *
 *     TIDEGATE_TEST_TEMPORAL=127.0.0.1:17233 deno run -A tests/histories/record.ts
 *
 * Run it after a change that can't go on from the histories there are; `CONTRIBUTING.md` says when
 * such a change is allowed.
 *
 * @module
 */

import { ApplicationFailure } from "@temporalio/common";
import { historyToJSON } from "@temporalio/common/lib/proto-utils.js";
import { supervisorId, supervisorQueue } from "../../core/ids.ts";
import type { LeaseRequest } from "../../core/flow/lease.ts";
import { until } from "../integration/_support/until.ts";
import { event, SIZE, T0 } from "../integration/workflows/_events.ts";
import { fleetConfig, ScriptedFleet } from "../integration/workflows/_scripted_fleet.ts";
import { historiesOf, type RunHistory } from "../integration/workflows/_replay.ts";
import { openWorld, type WorkflowWorld } from "../integration/workflows/_world.ts";

/** Where the histories are. */
const FOLDER = new URL("./", import.meta.url);
/** What is kept: one of each type, and all that happens to it. */
const KEPT = ["supervisor", "drain", "window-100000", "window-100030", "window-100100"];
/** What a replay does not look at. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  "header",
  "historySizeBytes",
  "identity",
  "meteringMetadata",
  "outcome",
  "prevAutoResetPoints",
  "requestId",
  "taskId",
  "workerVersion",
]);

/** Takes, renews and gives back leases, scales, until the supervisor has continued as new. */
async function lease(
  { client, plan, workflows }: WorkflowWorld,
  fleet: ScriptedFleet,
): Promise<void> {
  const request = (id: string, changes: Partial<LeaseRequest> = {}): LeaseRequest => ({
    owner: { host: "here", pid: 1, id },
    ttlMs: 60_000,
    fingerprint: { topic: '"t"' },
    newGeneration: false,
    evict: null,
    ...changes,
  });
  await client.workflow.start("supervisor", {
    workflowId: supervisorId(plan.pipeline),
    taskQueue: supervisorQueue(plan.pipeline),
    args: [{ pipeline: plan.pipeline, continueAfter: 22 }],
  });
  await workflows.lease(request("a"));
  await workflows.lease(request("b"));
  await workflows.lease(request("b", { evict: "a" }));
  await workflows.endLease("b");
  await workflows.lease(request("c", { fingerprint: { topic: '"u"' } }));
  await workflows.lease(request("c"));
  await workflows.renew({ ownerId: "c", generation: 1, ttlMs: 60_000 });
  await workflows.configureFleet(fleetConfig("c"));
  fleet.load(0, 50);
  await until("workers", () => fleet.told.length > 0 || undefined);
  await workflows.override(2);
  await fleet.untilTold(2);
  await workflows.setBounds({ min: 1, max: 1 });
  await workflows.override(null);
  await fleet.untilTold(1);
  await workflows.standDown("c");
  await workflows.endLease("c");
}

/** What is done to sweeps and settles while it is recorded. */
interface Harm {
  /** Fails the next settle for good. */
  settle: boolean;
  /** Fails the next two attempts at a sweep. */
  sweeps: number;
}

/** Looks, sweeps, idles, stops, resumes, parks, flushes, is refused, gains a partition, goes on. */
async function drain(world: WorkflowWorld, harm: Harm): Promise<void> {
  const { client, log, plan, drain } = world;
  const reached = (partition: number, offset: number) =>
    world.untilView(`offset ${offset}`, (view) => view.partitions[partition]?.cursor === offset);
  // A window that has continued as new before it settles.
  await world.startWindow(T0 + 3 * SIZE, 9);
  // Nobody is there: the control process looks, and finds a record.
  await world.startDrain({ slots: 0, continueAfter: 80, paceMs: 200, deliverEveryMs: 50 });
  await world.send(0, [event(T0), event(T0 + 5_000), { key: null, value: "not JSON" }]);
  await world.untilView("the record", ({ partitions }) => partitions[0]?.waits ?? false);
  // Then nobody begins a sweep, until a worker is there.
  await drain.ready(1);
  await world.untilView("a look", ({ sweeps, slots }) => slots === 0 && sweeps.length >= 0);
  await world.sweeper({
    scripted: (real) => ({
      async sweep(request) {
        if (harm.sweeps > 0) {
          harm.sweeps -= 1;
          throw new Error("out of memory");
        }
        return await real.sweep(request);
      },
    }),
  });
  await drain.ready(1);
  await reached(0, 3);
  await world.send(1, [event(T0 + 1_000), event(T0 + 12_000)]);
  await reached(1, 2);
  // Idle, and back with a record that is late by the floor.
  await world.untilView("idleness", ({ partitions }) => partitions[0]?.mode === "idle");
  harm.settle = true;
  await world.send(1, [event(T0 + 31_000)]);
  await reached(1, 3);
  await world.send(0, [event(T0 + 2_000), event(T0 + 32_000)]);
  await reached(0, 5);
  await world.untilView("the first window", ({ closed }) => closed.windows > 0);
  // Many calls of one window.
  for (let i = 0; i < 4; i++) {
    await world.send(0, [event(T0 + 33_000 + i)]);
    await world.untilView(`${i} calls`, ({ open }) => {
      const one = open.find(({ start }) => start === T0 + 3 * SIZE);
      return one !== undefined && one.waiting === 0 && one.pairs >= i + 3;
    });
  }
  // Sweeps that fail, an offset that is gone, and what people do about it.
  harm.sweeps = 2;
  await world.send(0, [event(T0 + 34_000)]);
  await reached(0, 10);
  await drain.exclude(0);
  await world.send(0, [event(T0 + 34_000), event(T0 + 34_500)]);
  await log.admin.deleteRecords(plan.topic, 0, 11);
  await drain.resume(0, 10);
  await world.untilView("the stop", ({ partitions }) => partitions[0]?.mode === "stopped");
  await drain.resume(0, 11);
  await reached(0, 12);
  await drain.resume(0, 13).catch(() => undefined);
  await log.admin.addPartitions(plan.topic, 3);
  await world.send(2, [event(T0 + 60_000)]);
  await reached(2, 1);
  // A bounded end, a flush, and live again.
  await drain.bound([[0, 12], [1, 3], [2, 1]]);
  await world.untilView("the end", ({ drained }) => drained);
  await drain.flush();
  await world.untilView("the last window", ({ openWindows }) => openWindows === 0);
  await drain.accept("newer");
  await drain.bound([[0, null], [1, null], [2, null]]);
  await drain.ready(0);
  await world.untilView("a look", ({ sweeps }) => sweeps.some(({ at }) => at === "control"));
  await client.workflow.getHandle(world.drainId).query("generation");
}

/** Runs it all; answers the histories. */
async function record(): Promise<RunHistory[]> {
  const { world, close } = await openWorld({
    plan: { delayMs: 1_000, idleAfterMs: 700, latenessMs: 5_000 },
  });
  const harm: Harm = { settle: false, sweeps: 0 };
  const fleet = new ScriptedFleet();
  try {
    await world.control({
      scripted: (real) => ({
        ...fleet.activities(),
        async settle(request) {
          if (harm.settle) {
            harm.settle = false;
            throw ApplicationFailure.nonRetryable("the topic is away", "TG_CONFIG");
          }
          return await real.settle(request);
        },
      }),
    });
    await lease(world, fleet);
    await drain(world, harm);
    return await historiesOf(world.client, world.plan.pipeline);
  } finally {
    await close(false);
  }
}

if (import.meta.main) {
  const histories = await record();
  for (const { name } of Deno.readDirSync(FOLDER)) {
    if (name.endsWith(".json")) Deno.removeSync(new URL(name, FOLDER));
  }
  const runs = new Map<string, number>();
  histories.sort((a, b) => startOf(a) - startOf(b));
  let bytes = 0;
  for (const { workflowId, history } of histories.filter(isKept)) {
    const run = (runs.get(workflowId) ?? 0) + 1;
    runs.set(workflowId, run);
    const { events } = JSON.parse(
      historyToJSON(history),
      keptOf,
    );
    const lines = events.map((event: unknown) => JSON.stringify(event)).join(",\n");
    const file = `${nameOf(workflowId)}-${run}.json`;
    const text = `{"events":[\n${lines}\n]}\n`;
    Deno.writeTextFileSync(new URL(file, FOLDER), text);
    bytes += text.length;
    console.log(`${file}: ${events.length} events, ${text.length} bytes`);
  }
  console.log(`${bytes} bytes in all`);
  Deno.exit(0);
}

/** What the next run begins with is in its own history. */
function keptOf(key: string, value: unknown): unknown {
  if (LEFT_OUT.has(key)) return undefined;
  if (key !== "workflowExecutionContinuedAsNewEventAttributes") return value;
  return { ...Object(value), input: undefined };
}

function isKept({ workflowId }: RunHistory): boolean {
  return KEPT.includes(nameOf(workflowId));
}

function startOf({ history }: RunHistory): number {
  const time = history.events?.[0]?.eventTime;
  return Number(time?.seconds ?? 0) * 1_000 + (time?.nanos ?? 0) / 1e6;
}

/** `p/1/drain` is `drain`, `p/1/window/2026-03-01T10:00:00.000Z` is `window-100000`. */
function nameOf(workflowId: string): string {
  const [type = "", which = ""] = workflowId.split("/").slice(workflowId.includes("/1/") ? 2 : 1);
  const short = type === "window" ? which.slice(11, 19).replaceAll(":", "") : which;
  return short === "" ? type : `${type}-${short}`;
}
