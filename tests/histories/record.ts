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

import { historyToJSON } from "@temporalio/common/lib/proto-utils.js";
import { controlQueue, supervisorId } from "../../core/ids.ts";
import type { LeaseRequest } from "../../core/flow/lease.ts";
import { until } from "../integration/_support/until.ts";
import { event, partial, SIZE, T0 } from "../integration/workflows/_events.ts";
import { fleetConfig, ScriptedFleet } from "../integration/workflows/_scripted_fleet.ts";
import { historiesOf, type RunHistory } from "../integration/workflows/_replay.ts";
import { GENERATION, openWorld, type WorkflowWorld } from "../integration/workflows/_world.ts";
import { boundSignal } from "../../workflows/messages.ts";

/** Where the histories are. */
const FOLDER = new URL("./", import.meta.url);
/** What is kept: one of each type, and all that happens to it. */
const KEPT = ["supervisor", "clock", "drain-0", "window-100020", "window-100040"];
/** What a replay does not look at. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  "header",
  "historySizeBytes",
  "identity",
  "meteringMetadata",
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
    taskQueue: controlQueue(plan.pipeline),
    args: [{ pipeline: plan.pipeline, continueAfter: 22 }],
  });
  await workflows.lease(request("a"));
  await workflows.lease(request("b"));
  await workflows.lease(request("b", { evict: "a" }));
  await workflows.endLease("b");
  await workflows.lease(request("c", { fingerprint: { topic: '"u"' } }));
  await workflows.lease(request("c"));
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

/** Drains, idles, stops, resumes, parks, flushes, loses a window, and goes on. */
async function drain(world: WorkflowWorld): Promise<void> {
  const { client, log, workflows, plan } = world;
  const handle = (partition: number) => client.workflow.getHandle(world.drainId(partition));
  const reached = (partition: number, offset: number) =>
    world.untilDrain(partition, `offset ${offset}`, ({ cursor }) => cursor === offset);
  await world.startClock([0, 1], 70);
  await world.startDrain(0, { continueAfter: 70 });
  await world.startDrain(1, { continueAfter: 70 });
  await world.send(0, [event(T0), event(T0 + 5_000), { key: null, value: "not JSON" }]);
  await world.send(1, [event(T0 + 1_000), event(T0 + 12_000)]);
  await reached(0, 3);
  await reached(1, 2);
  // Idle, and back with a record that is late by the floor.
  await world.untilDrain(0, "idleness", (view) => view.mode === "idle");
  await world.send(1, [event(T0 + 21_000)]);
  await reached(1, 3);
  await world.send(0, [event(T0 + 2_000), event(T0 + 22_000)]);
  await reached(0, 5);
  // A window that meets an overlap, and one whose topic is away for a moment.
  await world.fold(T0 + 2 * SIZE, partial(0, 1, 6));
  await world.untilDrain(0, "the overlap", (view) => view.mode === "stopped");
  await log.admin.deleteTopics([plan.resultsTopic]);
  await workflows.resume(GENERATION, 0, 5);
  await world.send(1, [event(T0 + 40_000)]);
  await world.send(0, [event(T0 + 40_000)]);
  await until("the missing topic", async () => {
    const { events } = await client.workflow.getHandle(world.windowId(T0 + 2 * SIZE))
      .fetchHistory();
    return events?.some((event) => event.timerStartedEventAttributes) || undefined;
  });
  await log.admin.createTopics([{ topic: plan.resultsTopic, partitions: 1 }]);
  // A window that is lost, and what was to go into it.
  await client.workflow.getHandle(world.windowId(T0 + 4 * SIZE)).terminate("a recording");
  await world.send(0, [event(T0 + 41_000)]);
  await world.untilDrain(0, "the loss", (view) => view.mode === "stopped");
  await workflows.resume(GENERATION, 0, 7);
  // A bounded end, a flush, and live again.
  await handle(0).signal(boundSignal, { until: 7 });
  await handle(1).signal(boundSignal, { until: 4 });
  for (const partition of [0, 1]) {
    await world.untilDrain(partition, "the end", (view) => view.mode === "parked");
  }
  await workflows.flush(GENERATION);
  await world.untilClock("the last window", ({ open }) => open.length === 0);
  await handle(0).signal(boundSignal, { until: null });
  await handle(1).signal(boundSignal, { until: null });
  for (let i = 0; i < 2; i++) {
    await world.send(0, [event(T0 + 60_000 + i * SIZE)]);
    await reached(0, 8 + i);
  }
  await workflows.exclude(GENERATION, 1);
  await world.untilClock("the exclusion", ({ partitions }) => {
    return partitions[1]?.[1].mode === "excluded";
  });
}

/** Runs it all; answers the histories. */
async function record(): Promise<RunHistory[]> {
  const { world, close } = await openWorld({
    plan: { delayMs: 1_000, idleAfterMs: 700, latenessMs: 5_000 },
  });
  let refused = false;
  const fleet = new ScriptedFleet();
  try {
    await world.control({
      windowsContinueAfter: 12,
      scripted: (real) => ({
        ...fleet.activities(),
        async deliver(request) {
          const outcomes = await real.deliver(request);
          // One slice that is folded again, for windows that had completed without it.
          if (refused || request.from !== 3 || request.partition !== 0) return outcomes;
          refused = true;
          return outcomes.map(() => "refused");
        },
      }),
    });
    await world.folder();
    await lease(world, fleet);
    await drain(world);
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
      (key, value) => LEFT_OUT.has(key) ? undefined : value,
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

function isKept({ workflowId }: RunHistory): boolean {
  return KEPT.includes(nameOf(workflowId));
}

function startOf({ history }: RunHistory): number {
  const time = history.events?.[0]?.eventTime;
  return Number(time?.seconds ?? 0) * 1_000 + (time?.nanos ?? 0) / 1e6;
}

/** `p/1/drain/0` is `drain-0`, `p/1/window/2026-03-01T10:00:00.000Z` is `window-100000`. */
function nameOf(workflowId: string): string {
  const [type = "", which = ""] = workflowId.split("/").slice(workflowId.includes("/1/") ? 2 : 1);
  const short = type === "window" ? which.slice(11, 19).replaceAll(":", "") : which;
  return short === "" ? type : `${type}-${short}`;
}
