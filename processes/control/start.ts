/**
 * The control process: takes the lease, runs the workflows and the light activities, starts the
 * generation's clock and drains, and keeps the worker processes. Wiring only.
 *
 * @module
 */

import { hostname } from "node:os";
import { createControlActivities } from "../../activities/create_activities.ts";
import type { PipelineObserver } from "../../activities/observer.ts";
import { createKafkaAdmin } from "../../adapters/kafka/admin.ts";
import type { KafkaSettings, LogReader } from "../../adapters/kafka/log.ts";
import { createKafkaReader } from "../../adapters/kafka/reader.ts";
import { createKafkaWriter } from "../../adapters/kafka/writer.ts";
import type { Fleet } from "../../adapters/launchers/launcher.ts";
import { Loop } from "../../adapters/loop.ts";
import { reachability, waitFor } from "../../adapters/servers.ts";
import { workflowBundle } from "../../adapters/temporal/bundle.ts";
import { connectTemporal, type TemporalSettings } from "../../adapters/temporal/client.ts";
import {
  createPipelineClient,
  type PipelineClient,
} from "../../adapters/temporal/pipeline_client.ts";
import { makeSearchable } from "../../adapters/temporal/server.ts";
import { createWindowClient } from "../../adapters/temporal/window_client.ts";
import { startControlWorker } from "../../adapters/temporal/workers.ts";
import { createTrace } from "../../adapters/tracing.ts";
import { errorText, TidegateError } from "../../core/errors.ts";
import { paceOf } from "../../core/flow/pacing.ts";
import { groupId } from "../../core/ids.ts";
import { fingerprintOf, runPlanOf, type StartPosition } from "../../core/plan.ts";
import { DEFAULT_POLICY } from "../../core/scaling/state.ts";
import type { Pipeline } from "../../definition/define.ts";
import { isLeftBehind, type LauncherChoice, launcherFor } from "../launchers.ts";
import { handleStrayErrors } from "../stray_errors.ts";
import type { WorkerSettings } from "../worker.ts";
import { CursorBook } from "./cursors.ts";
import { LeaseKeeper, takeLease } from "./lease.ts";
import { LoadModel } from "./load.ts";
import { Drains, makeOutputTopics, sourceTopic, warnOfCreateTime } from "./topics.ts";

/** How often the topic is looked at for new partitions, in ms. */
const TOPOLOGY_MS = 30_000;
/** How often cursors are shown, in ms. */
const CURSORS_MS = 1_000;

/** How many worker processes there are to be. */
export interface FleetOptions {
  /** The fewest. */
  readonly min: number;
  /** The most. */
  readonly max: number;
  /** A fixed number; null to let the load decide. */
  readonly workers: number | null;
  /** How long the topic must have been still before the last worker ends, in ms. */
  readonly idleToZeroMs: number;
}

/**
 * A fleet of a number that load does not change.
 *
 * @param workers The number.
 * @returns The options.
 */
export function fixedFleet(workers: number): FleetOptions {
  return { min: 0, max: Math.max(workers, DEFAULT_POLICY.max), workers, idleToZeroMs: 60_000 };
}

/** How a control process runs. */
export interface ControlOptions {
  /** The pipeline's definition. */
  readonly pipeline: Pipeline;
  /** Its file, for the worker processes. */
  readonly pipelineFile: string;
  /** How to reach the broker. */
  readonly kafka: KafkaSettings;
  /** How to reach Temporal. */
  readonly temporal: TemporalSettings;
  /** The data folder. */
  readonly dataDir: string;
  /** How many worker processes. */
  readonly fleet: FleetOptions;
  /**
   * Who starts them.
   * @default {{ kind: "process" }}
   */
  readonly launcher?: LauncherChoice;
  /** Slices at a time in one worker process. */
  readonly slots: number;
  /** The pace while caught up, in ms. */
  readonly paceMs: number;
  /** The time budget of a slice, in ms. */
  readonly sliceMs: number;
  /** Whether to go live, or to drain up to the present ends of the log. */
  readonly mode: "live" | "drain";
  /** Whether to begin a new generation. */
  readonly newGeneration: boolean;
  /** Where a new generation begins; the definition's own setting if left out. */
  readonly from?: StartPosition;
  /**
   * How often the topic is looked at for new partitions, in ms.
   * @default {30000}
   */
  readonly topologyMs?: number;
  /**
   * Are told of what happens in the pipeline.
   * @default {[]}
   */
  readonly observers?: readonly PipelineObserver[];
  /** Told of what happens, in lines for people. */
  readonly say: (line: string) => void;
}

/** A running control process. */
export interface Control {
  /** The generation of the pipeline's state. */
  readonly generation: number;
  /** The pipeline's workflows. */
  readonly workflows: PipelineClient;
  /** The log. */
  readonly reader: LogReader;
  /** The worker processes; how many there are is for the supervisor to say. */
  readonly fleet: Fleet;
  /** What is known of the load. */
  readonly load: LoadModel;
  /** The partitions being drained. */
  readonly partitions: readonly number[];
  /** Resolves when the control process can't go on, with the reason. */
  readonly lost: Promise<TidegateError>;
  /** Ends the workers, gives the lease back and leaves; all state stays in Temporal. */
  stop(): Promise<void>;
}

/**
 * Starts a control process.
 *
 * @throws {TidegateError} `TG_CONTROL_RUNNING`, `TG_DEFINITION_CHANGED`, `TG_TOPIC_MISSING`,
 * `TG_GENERATION_LOST`, or that a server can't be reached.
 */
export async function startControl(options: ControlOptions): Promise<Control> {
  const { pipeline: { plan }, say } = options;
  const name = plan.pipeline;
  const owner = { host: hostname(), pid: Deno.pid, id: crypto.randomUUID() };
  const identity = `${name}-control-${owner.pid}@${owner.host}`;

  await using closing = new AsyncDisposableStack();
  /** Who leaves does all that is left to do, also where a server is away by then. */
  const atEnd = (close: () => Promise<unknown>) =>
    closing.defer(() => close().then(() => undefined, () => undefined));

  const failed = Promise.withResolvers<TidegateError>();
  closing.use(handleStrayErrors({ say, stop: failed.resolve }));
  const reader = createKafkaReader(options.kafka);
  const admin = createKafkaAdmin(options.kafka);
  const writer = createKafkaWriter(options.kafka);
  for (const client of [reader, admin, writer]) atEnd(() => client.close());
  const topic = await waitFor("the broker", () => sourceTopic(reader, plan.topic), say);
  await makeOutputTopics(admin, plan);
  await warnOfCreateTime(admin, plan.topic, say);

  const client = await waitFor("Temporal", () => connectTemporal(options.temporal), say);
  atEnd(() => client.connection.close());
  const workflows = createPipelineClient(client, plan);
  const searchAttributes = await makeSearchable(client, say);
  const bundlePath = await workflowBundle(options.dataDir, say);
  const cursors = new CursorBook(admin, groupId(name), plan.topic);
  /** What the generation brings, as soon as there is one. */
  const begun: { generation: number; drains: Drains | null } = { generation: 0, drains: null };
  const launcher = await launcherFor(options.launcher ?? { kind: "process" }, {
    pipeline: name,
    client,
    settings: workerSettings(options),
    name: `${name}-${owner.pid}@${owner.host}`,
    say,
    onExit: async (dead, expected) => {
      const { generation, drains } = begun;
      if (expected || drains === null) return;
      await workflows.failActivitiesOf(generation, drains.partitions, (id) => id === dead);
    },
  });
  const load = new LoadModel({
    partitions: () => begun.drains?.partitions ?? [],
    ends: (partitions) => reader.ends(plan.topic, partitions),
    ask: (partition) => workflows.drain(begun.generation, partition),
    now: Date.now,
  });
  const slice = (partition: number) => workflows.slice(begun.generation, partition);
  const activities = createControlActivities({
    reader,
    writer,
    windows: createWindowClient(client),
    fleet: { load, launcher, slice },
    trace: createTrace(),
    observers: [load, shownBy(cursors, say), ...options.observers ?? []],
  });
  const { temporal } = options;
  const worker = await startControlWorker({
    ...{ temporal, pipeline: name, bundlePath, activities, identity },
  });
  atEnd(() => worker.stop());

  const fingerprint = { ...fingerprintOf(plan), topicId: topic.topicId ?? "" };
  const leased = { workflows, plan, owner, fingerprint };
  const generation = await takeLease(leased, options.newGeneration);
  const lease = new LeaseKeeper(leased, say);
  atEnd(() => lease[Symbol.asyncDispose]());
  const drains = new Drains({
    ...options,
    ...{ plan, from: options.from ?? plan.from, generation, searchAttributes, topic },
    ...{ workflows, reader },
  });
  Object.assign(begun, { generation, drains });
  // Always, not only when it begins: a control process may have died between the two.
  if (generation > 1) {
    await workflows.retire(generation - 1, topic.partitions, `generation ${generation} began`);
  }
  await workflows.startClock(runPlanOf(plan), generation, topic.partitions);
  await drains.start(topic.partitions);
  await workflows.failActivitiesOf(generation, topic.partitions, isLeftBehind(identity));
  atEnd(() => launcher.stop());
  await workflows.configureFleet({
    ...options.fleet,
    ownerId: owner.id,
    circulationMs: paceOf(options.paceMs, topic.partitions.length) + options.sliceMs,
    searchAttributes,
  });
  atEnd(() => workflows.standDown(owner.id));

  atEnd(() => cursors.commit());
  const repeat = (ms: number, what: string, work: () => Promise<void>) => {
    const loop = new Loop(async () => {
      await work().catch((error: unknown) => say(`${what}: ${errorText(error)}`));
      return ms;
    });
    atEnd(() => loop.stop());
  };
  repeat(
    options.topologyMs ?? TOPOLOGY_MS,
    "the topic could not be looked at",
    () => drains.refresh(),
  );
  repeat(CURSORS_MS, "cursors were not shown", () => cursors.commit());
  void worker.done.catch((cause) =>
    failed.resolve(new TidegateError("TG_CONTROL_LOST", "The control worker has failed", { cause }))
  );
  const open = closing.move();
  return {
    generation,
    workflows,
    reader,
    fleet: launcher,
    load,
    get partitions() {
      return drains.partitions;
    },
    lost: Promise.race([lease.lost, failed.promise]),
    stop: () => open.disposeAsync(),
  };
}

function workerSettings(options: ControlOptions): WorkerSettings {
  const { pipelineFile, kafka, temporal, slots, pipeline } = options;
  return { pipelineFile, plan: runPlanOf(pipeline.plan), kafka, temporal, slots };
}

/** Notes durable cursors, and tells when the broker goes away. */
function shownBy(cursors: CursorBook, say: (line: string) => void): PipelineObserver {
  return {
    awaiting: (partition, cursor) => cursors.note(partition, cursor),
    delivered: ({ partition, note }) => {
      if (note !== null) cursors.note(partition, note.to);
    },
    broker: reachability("broker", say),
  };
}
