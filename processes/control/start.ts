/**
 * Starts a control process: takes the lease of a pipeline, goes on with its generation or begins one,
 * and runs all that is not folding: the drain, the windows, the supervisor and their activities.
 *
 * @module
 */

import { hostname } from "node:os";
import { createControlActivities } from "../../activities/create_activities.ts";
import { observeAll, type PipelineObserver } from "../../activities/observer.ts";
import { createKafkaAdmin } from "../../adapters/kafka/admin.ts";
import { createKafkaTailer } from "../../adapters/kafka/kafka_tail.ts";
import type { KafkaSettings, LogReader } from "../../adapters/kafka/log.ts";
import { createKafkaReader } from "../../adapters/kafka/reader.ts";
import { createRowsWriter } from "../../adapters/kafka/rows_writer.ts";
import { createKafkaWriter } from "../../adapters/kafka/writer.ts";
import type { Fleet, Launcher } from "../../adapters/launchers/launcher.ts";
import { deadline } from "../../adapters/deadline.ts";
import { Loop } from "../../adapters/loop.ts";
import { reachability, waitFor } from "../../adapters/servers.ts";
import { workflowBundle } from "../../adapters/temporal/bundle.ts";
import { connectTemporal, type TemporalSettings } from "../../adapters/temporal/client.ts";
import type { GenerationClient } from "../../adapters/temporal/generation_client.ts";
import {
  createPipelineClient,
  type PipelineClient,
} from "../../adapters/temporal/pipeline_client.ts";
import { requireUpdateWithStart, retentionAdvice } from "../../adapters/temporal/requirements.ts";
import { makeSearchable } from "../../adapters/temporal/server.ts";
import { createWindowCalls } from "../../adapters/temporal/window_calls.ts";
import {
  type ControlWorkerOptions,
  type RunningWorker,
  startControlWorker,
  startSupervisorWorker,
} from "../../adapters/temporal/workers.ts";
import { createTrace } from "../../adapters/tracing.ts";
import type { HeldSweep } from "../../activities/scale_fleet.ts";
import { errorText, TidegateError } from "../../core/errors.ts";
import { newDrain } from "../../core/flow/drain.ts";
import { groupId } from "../../core/ids.ts";
import {
  fingerprintOf,
  openWindowsAtMost,
  type Plan,
  runPlanOf,
  type StartPosition,
} from "../../core/plan.ts";
import { DEFAULT_POLICY } from "../../core/scaling/state.ts";
import { type Code, codeOf, leasedCode } from "../../definition/code_hash.ts";
import type { Pipeline } from "../../definition/define.ts";
import { bootId } from "../boot_id.ts";
import { isLeftBehind, type LauncherChoice, launcherFor } from "../launchers.ts";
import { handleStrayErrors } from "../stray_errors.ts";
import type { WorkerSettings } from "../worker.ts";
import { CursorBook } from "./cursors.ts";
import { LeaseKeeper, takeLease } from "./lease.ts";
import { giveLife } from "./life.ts";
import { LoadModel } from "./load.ts";
import { ReadyTeller } from "./ready.ts";
import {
  makeOutputTopics,
  presentEnds,
  sourceTopic,
  startsFrom,
  warnOfCreateTime,
} from "./topics.ts";

/** How often cursors are shown, in ms. */
const CURSORS_MS = 1_000;
/** How long a record of a caught-up partition is on its way where workers tell of it at once, in ms. */
const TOLD_MS = 1_000;
/** How long the lease is waited for before the supervisor is run here, in ms. */
const ANSWER_MS = 5_000;
/** How many windows and shares of windows may be open. */
const MAX_OPEN_WINDOWS = 10_000;

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
  /** How long a sweep goes on that has folded something, in ms. */
  readonly paceMs: number;
  /** How long a sweep folds in a backlog before it answers, in ms. */
  readonly sliceMs: number;
  /** How often a window that stays open gets its cells, in ms; null for never. */
  readonly deliverEveryMs: number | null;
  /** Whether to go live, or to drain up to the present ends of the log. */
  readonly mode: "live" | "drain";
  /** Whether to begin a new generation. */
  readonly newGeneration: boolean;
  /**
   * Whether a person says that changed code means the same as the generation's.
   * @default {false}
   */
  readonly sameMeaning?: boolean;
  /** Where a new generation begins; the definition's own setting if left out. */
  readonly from?: StartPosition;
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
  /** The drain and the windows of the generation. */
  readonly drain: GenerationClient;
  /** The log. */
  readonly reader: LogReader;
  /** The worker processes; how many there are is for the supervisor to say. */
  readonly fleet: Fleet;
  /** What is known of the load, and the generation as last told of. */
  readonly load: LoadModel;
  /** Resolves when the control process can't go on, with the reason. */
  readonly lost: Promise<TidegateError>;
  /** Ends the workers, gives the lease back and leaves; all state stays in Temporal. */
  stop(): Promise<void>;
}

/**
 * Starts a control process. Nothing of it works for the pipeline before it has the lease: only the
 * supervisor, which gives it, is run by whoever asks.
 *
 * @throws {TidegateError} `TG_CONTROL_RUNNING`, `TG_DEFINITION_CHANGED`, `TG_TOPIC_MISSING`,
 * `TG_GENERATION_LOST`, `TG_TOO_MANY_WINDOWS`, `TG_TEMPORAL_TOO_OLD`, or that a server can't be
 * reached.
 */
export async function startControl(options: ControlOptions): Promise<Control> {
  const { pipeline: { plan }, kafka, temporal, say } = options;
  const { paceMs, sliceMs, deliverEveryMs } = options;
  const name = plan.pipeline;
  refuseTooManyWindows(plan, MAX_OPEN_WINDOWS);
  const id = crypto.randomUUID();
  const owner = { host: hostname(), pid: Deno.pid, id, bootId: await bootId() };
  const identity = `${name}-control-${owner.pid}@${owner.host}`;

  await using closing = new AsyncDisposableStack();
  /** Who leaves does all that is left to do, also where a server is away by then. */
  const atEnd = (close: () => Promise<unknown>) =>
    closing.defer(() => close().then(() => undefined, () => undefined));

  const failed = Promise.withResolvers<TidegateError>();
  closing.use(handleStrayErrors({ say, stop: failed.resolve }));
  const life = await giveLife(options.dataDir, name, id);
  if (life !== null) closing.use(life);
  const reader = createKafkaReader(kafka);
  const admin = createKafkaAdmin(kafka);
  const sideWriter = createKafkaWriter(kafka);
  const tailer = createKafkaTailer(kafka);
  for (const client of [reader, admin, sideWriter, tailer]) atEnd(() => client.close());
  const topic = await waitFor("the broker", () => sourceTopic(reader, plan.topic), say);
  await makeOutputTopics(admin, plan);
  await warnOfCreateTime(admin, plan.topic, say);

  const client = await waitFor("Temporal", () => connectTemporal(temporal), say);
  atEnd(() => client.connection.close());
  await requireUpdateWithStart(client);
  const advice = await retentionAdvice(client);
  if (advice !== null) say(advice);
  const workflows = createPipelineClient(client, plan);
  const searchAttributes = await makeSearchable(client, say);
  const bundlePath = await workflowBundle(options.dataDir, say);

  const cursors = new CursorBook(admin, groupId(name), plan.topic);
  const observed: PipelineObserver[] = [cursors, ...options.observers ?? []];
  const observer = observeAll(observed);
  const load = new LoadModel({
    ends: (partitions) => reader.ends(plan.topic, partitions),
    now: Date.now,
    broker: observer.broker,
  });
  observed.unshift(load, { broker: reachability("broker", say) });
  const sinks = {
    drain: {
      state: { fn: (_info, view) => observer.drained(view) },
      swept: { fn: (_info, note) => observer.swept(note) },
    },
    supervisor: { state: { fn: (_info, view) => observer.supervised(view) } },
  } satisfies ControlWorkerOptions["sinks"];
  const worker = { temporal, pipeline: name, bundlePath, identity, sinks };

  const isOld = await workflows.isOfFirstEngine();
  if (isOld) {
    say("the state of this pipeline was made by an earlier engine: a new generation begins");
    await workflows.terminateAll("its engine is none any more");
  }
  let supervising: Promise<RunningWorker> | null = null;
  /** Runs the supervisor, which gives the lease; where another process does, that is left to it. */
  const supervise = (): Promise<RunningWorker> =>
    supervising ??= startSupervisorWorker(worker).then((running) => {
      atEnd(() => running.stop());
      return running;
    });
  const isFree = life !== null && life.dead !== null;
  if (isFree || !await workflows.answers()) await supervise();
  const fingerprint = { ...fingerprintOf(plan), topicId: topic.topicId ?? "" };
  const code = await codeOf(options.pipelineFile, { cacheDir: options.dataDir });
  const taking = takeLease({
    ...{ workflows, plan, owner, dead: life?.dead ?? null, fingerprint },
    ...{ code: leasedCode(code), sameMeaning: options.sameMeaning ?? false },
    newGeneration: options.newGeneration || isOld,
    from: options.from ?? plan.from,
    used: Math.max(await workflows.lastGeneration(), await cursors.lastGeneration()),
  });
  // Who has answered may have ended meanwhile.
  if (await deadline(taking, ANSWER_MS) === undefined) await supervise();
  const { generation, from } = await taking;
  const supervisor = await supervise();
  cursors.begin(generation);
  const lease = new LeaseKeeper({ workflows, owner, generation, say });
  atEnd(() => lease[Symbol.asyncDispose]());

  const rows = createRowsWriter(kafka, {
    topic: plan.resultsTopic,
    // Where a row has one revision only, it needs no transaction.
    transactionalId: plan.latenessMs > 0 ? `tidegate-${name}-${generation}` : null,
    isOurs: () => lease.isOurs(),
    onLost: failed.resolve,
  });
  atEnd(() => rows.close());
  await waitFor("the broker", () => rows.open(), say);

  const drain = workflows.generation(generation);
  let fleetChanged = (): void => undefined;
  const launcher: Launcher = await launcherFor(options.launcher ?? { kind: "process" }, {
    pipeline: name,
    generation,
    client,
    settings: workerSettings(options, generation, code),
    name: `${name}-${owner.pid}@${owner.host}`,
    say,
    onProgress: (identity, progress) => load.progress(identity, progress),
    onChange: () => fleetChanged(),
    onExit: async (dead, expected) => {
      if (expected) return;
      await workflows.failActivitiesOf(generation, (id) => id === dead);
    },
  });
  const ready = new ReadyTeller(drain, launcher, say);
  fleetChanged = () => ready.changed();
  observed.unshift(ready);
  const { reader: events, enrichment } = options.pipeline;
  const activities = createControlActivities({
    windows: createWindowCalls(client, searchAttributes),
    rows,
    reader,
    look: {
      plan,
      events,
      enrichment,
      tailer,
      writer: sideWriter,
      identity,
      stopping: () => false,
    },
    fleet: {
      load,
      launcher,
      want: ready.want.bind(ready),
      sweepOf: (p) => sweepOf(load, drain, p),
    },
    observer,
    trace: createTrace(),
  });
  const working = await startControlWorker({ ...worker, activities });
  atEnd(() => working.stop());

  // Always, not only when it begins: a control process may have died between the two.
  await workflows.retireOthers(generation, `generation ${generation} began`);
  const until = options.mode === "live" ? null : await presentEnds(reader, topic);
  const starts = await startsFrom(reader, topic, from);
  const isNew = await drain.start({
    plan: runPlanOf(plan),
    generation,
    topicId: topic.topicId,
    ...{ paceMs, sliceMs, deliverEveryMs },
    maxOpenWindows: MAX_OPEN_WINDOWS,
    searchAttributes,
    state: newDrain(
      starts.map((start) => ({ ...start, until: until?.get(start.partition) ?? null })),
      code.hash,
      topic.partitions.length,
    ),
  });
  lease.begun();
  if (!isNew) {
    await workflows.failActivitiesOf(generation, isLeftBehind(identity));
    await drain.accept(code.hash);
    await drain.tune({ paceMs, sliceMs, deliverEveryMs });
    await rebound(drain, until);
  }
  atEnd(() => launcher.stop());
  ready.changed();
  const { kind } = options.launcher ?? { kind: "process" };
  await workflows.configureFleet({
    ...options.fleet,
    // A sweep brings home what it has folded within its pace: before that nobody is idle.
    idleToZeroMs: Math.max(options.fleet.idleToZeroMs, paceMs + TOLD_MS),
    ownerId: owner.id,
    circulationMs: kind === "process" ? TOLD_MS : options.paceMs + TOLD_MS,
    searchAttributes,
  });
  atEnd(() => ready.stop());
  atEnd(() => workflows.standDown(owner.id));

  atEnd(() => cursors.commit());
  const showing = new Loop(async () => {
    await cursors.commit().catch((error: unknown) =>
      say(`cursors were not shown: ${errorText(error)}`)
    );
    return CURSORS_MS;
  });
  atEnd(() => showing.stop());
  for (const { done } of [working, supervisor]) {
    void done.catch((cause) => {
      const message = "The control worker has failed";
      failed.resolve(new TidegateError("TG_CONTROL_LOST", message, { cause }));
    });
  }
  const open = closing.move();
  return {
    generation,
    workflows,
    drain,
    reader,
    fleet: launcher,
    load,
    lost: Promise.race([lease.lost, failed.promise]),
    stop: () => open.disposeAsync(),
  };
}

/**
 * A definition whose windows can't all be open at once is refused: partitions would wait for each
 * other for good.
 *
 * @throws {TidegateError} `TG_TOO_MANY_WINDOWS`
 */
function refuseTooManyWindows(plan: Plan, most: number): void {
  const windows = openWindowsAtMost(plan);
  if (windows <= most) return;
  throw new TidegateError(
    "TG_TOO_MANY_WINDOWS",
    `Cannot start ${plan.pipeline}: ${windows} windows and shares of them may be open at a time, ` +
      `must be at most ${most}`,
    { next: "Let windows slide by more, or lower shards, lateness or watermark.maxDrift." },
  );
}

/** Fixes the ends of a generation that runs already, or lifts them. */
async function rebound(
  drain: GenerationClient,
  until: ReadonlyMap<number, number> | null,
): Promise<void> {
  const view = await drain.view();
  const untils = view.partitions.map((p) =>
    [p.partition, until?.get(p.partition) ?? null] as const
  );
  const before = new Map(view.partitions.map((p) => [p.partition, p.until]));
  const moved = untils.filter(([partition, end]) => before.get(partition) !== end);
  if (moved.length > 0) await drain.bound(moved);
}

/** The sweep of the fleet that holds a partition. */
async function sweepOf(
  load: LoadModel,
  drain: GenerationClient,
  partition: number,
): Promise<HeldSweep | null> {
  const out = load.view?.sweeps.find(({ at, partitions }) =>
    at === "fleet" && partitions.includes(partition)
  );
  if (out === undefined) return null;
  const pending = await drain.pendingSweeps();
  return pending.find(({ n }) => n === out.n) ?? pending.find(({ n }) => n === null) ?? null;
}

function workerSettings(
  options: ControlOptions,
  generation: number,
  code: Code,
): WorkerSettings {
  const { pipelineFile, kafka, temporal, pipeline } = options;
  return { pipelineFile, plan: runPlanOf(pipeline.plan), kafka, temporal, generation, code };
}
