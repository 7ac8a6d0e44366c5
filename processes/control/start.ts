/**
 * The control process: takes the lease, runs the workflows and the light activities, starts the
 * generation's clock and drains, and keeps the worker processes. Wiring only.
 *
 * @module
 */

import { hostname } from "node:os";
import { createControlActivities, type FleetDeps } from "../../activities/create_activities.ts";
import { FleetBook } from "../../activities/fleet_book.ts";
import type { PipelineWatch } from "../../activities/observer.ts";
import { workflowBundle } from "../../adapters/temporal/bundle.ts";
import { CursorBook } from "./cursors.ts";
import { createKafkaAdmin } from "../../adapters/kafka/admin.ts";
import { createKafkaReader } from "../../adapters/kafka/reader.ts";
import { createKafkaWriter } from "../../adapters/kafka/writer.ts";
import type { Fleet } from "../../adapters/launchers/launcher.ts";
import type {
  KafkaSettings,
  LogAdmin,
  LogReader,
  LogWriter,
  TopicInfo,
} from "../../adapters/kafka/log.ts";
import { waitFor } from "../../adapters/servers.ts";
import {
  type Client,
  connectTemporal,
  type TemporalSettings,
} from "../../adapters/temporal/client.ts";
import {
  createPipelineClient,
  type PipelineClient,
} from "../../adapters/temporal/pipeline_client.ts";
import { ensureSearchAttributes, SEARCH_ATTRIBUTES } from "../../adapters/temporal/server.ts";
import { createTrace } from "../../adapters/tracing.ts";
import { createWindowClient } from "../../adapters/temporal/window_client.ts";
import { type RunningWorker, startControlWorker } from "../../adapters/temporal/workers.ts";
import { TidegateError } from "../../core/errors.ts";
import { controlRunning } from "../../core/flow/lease.ts";
import { groupId } from "../../core/ids.ts";
import { DEFAULT_POLICY } from "../../core/scaling/state.ts";
import { paceOf } from "../../core/flow/pacing.ts";
import {
  type Fingerprint,
  fingerprintOf,
  type Plan,
  runPlanOf,
  type StartPosition,
} from "../../core/plan.ts";
import { isLeftBehind, type LauncherChoice, launcherFor } from "../launchers.ts";
import type { Pipeline } from "../../definition/define.ts";
import type { WorkerSettings } from "../worker.ts";

/** A lease lasts this long unless it is renewed, in ms. */
const LEASE_MS = 30_000;
/** How often it is renewed, in ms. */
const RENEW_MS = 10_000;
/** How often the topic is looked at for new partitions, in ms. */
const TOPOLOGY_MS = 30_000;

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
   * Those who watch the pipeline.
   * @default {[]}
   */
  readonly watches?: readonly PipelineWatch[];
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
  readonly book: FleetBook;
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
 * @param options How it runs.
 * @returns The running control process.
 * @throws {TidegateError} `TG_CONTROL_RUNNING`, `TG_DEFINITION_CHANGED`, `TG_TOPIC_MISSING`,
 * `TG_GENERATION_LOST`, or that a server can't be reached.
 */
export async function startControl(options: ControlOptions): Promise<Control> {
  const closing: (() => Promise<unknown>)[] = [];
  try {
    return await start(options, closing);
  } catch (error) {
    await closeAll(closing);
    throw error;
  }
}

async function start(
  options: ControlOptions,
  closing: (() => Promise<unknown>)[],
): Promise<Control> {
  const { pipeline, say } = options;
  const { plan } = pipeline;
  const name = plan.pipeline;
  const owner = { host: hostname(), pid: Deno.pid, id: crypto.randomUUID() };
  const identity = `${name}-control-${owner.pid}@${owner.host}`;

  const reader = createKafkaReader(options.kafka);
  const admin = createKafkaAdmin(options.kafka);
  const writer = createKafkaWriter(options.kafka);
  closing.push(() => reader.close(), () => admin.close(), () => writer.close());
  const topic = await waitFor("the broker", () => sourceTopic(reader, plan.topic), say);
  await makeOutputTopics(admin, plan);
  await warnOfCreateTime(admin, pipeline, say);

  const client = await waitFor("Temporal", () => connectTemporal(options.temporal), say);
  closing.push(() => client.connection.close());
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
  const book = new FleetBook({
    partitions: () => begun.drains?.partitions ?? [],
    ends: (partitions) => reader.ends(plan.topic, partitions),
    ask: (partition) => workflows.drain(begun.generation, partition),
    now: Date.now,
  });
  const fleet: FleetDeps = {
    book,
    launcher,
    slice: (partition) => workflows.slice(begun.generation, partition),
  };
  const worker = await controlWorker(options, client, { reader, writer, cursors, fleet }, {
    bundlePath,
    identity,
  });
  closing.push(() => worker.stop());

  const fingerprint = { ...fingerprintOf(plan), topicId: topic.topicId ?? "" };
  const generation = await takeLease(workflows, options, owner, fingerprint);
  closing.push(() => workflows.endLease(owner.id));
  const drains = new Drains(options, workflows, reader, generation, searchAttributes, topic);
  Object.assign(begun, { generation, drains });
  // Always, not only when it begins: a control process may have died between the two.
  if (generation > 1) {
    await workflows.retire(generation - 1, topic.partitions, `generation ${generation} began`);
  }
  await workflows.startClock(runPlanOf(plan), generation, topic.partitions);
  await drains.start(topic.partitions);
  await workflows.failActivitiesOf(generation, topic.partitions, isLeftBehind(identity));
  closing.push(() => launcher.stop());
  await workflows.configureFleet({
    ...options.fleet,
    ownerId: owner.id,
    circulationMs: paceOf(options.paceMs, topic.partitions.length) + options.sliceMs,
    searchAttributes,
  });
  closing.push(() => workflows.standDown(owner.id));

  const watch = new Watch(options, workflows, owner, fingerprint, drains, cursors);
  closing.push(() => watch.stop());
  void worker.done.catch((cause) =>
    watch.lose(new TidegateError("TG_CONTROL_LOST", "The control worker has failed", { cause }))
  );
  return {
    generation,
    workflows,
    reader,
    fleet: launcher,
    book,
    get partitions() {
      return drains.partitions;
    },
    lost: watch.lost,
    stop: () => closeAll(closing),
  };
}

async function closeAll(closing: (() => Promise<unknown>)[]): Promise<void> {
  for (let close = closing.pop(); close !== undefined; close = closing.pop()) {
    await close().catch(() => undefined);
  }
}

function workerSettings(options: ControlOptions): WorkerSettings {
  const { pipelineFile, kafka, temporal, slots, pipeline } = options;
  return { pipelineFile, plan: runPlanOf(pipeline.plan), kafka, temporal, slots };
}

async function sourceTopic(reader: LogReader, topic: string): Promise<TopicInfo> {
  const info = await reader.describe(topic);
  if (info !== null) return info;
  throw new TidegateError("TG_TOPIC_MISSING", `Source topic ${topic} does not exist`, {
    next: "Correct its name, or let deno task replay FILE make it of your data, or " +
      "deno task produce of generated events.",
  });
}

/**
 * Makes the topics that a pipeline writes to, where they are missing.
 *
 * @param admin Makes them.
 * @param plan The pipeline's plan.
 */
export async function makeOutputTopics(admin: LogAdmin, plan: Plan): Promise<void> {
  const side = { "cleanup.policy": "compact,delete" };
  await admin.createTopics([
    { topic: plan.resultsTopic, partitions: 1, config: { "cleanup.policy": "compact" } },
    { topic: plan.lateTopic, partitions: 1, config: side },
    { topic: plan.invalidTopic, partitions: 1, config: side },
  ]);
}

/**
 * Makes the search attributes where they are missing, or tells how to.
 *
 * @param client The Temporal server.
 * @param say Told the commands that make them, where that is not allowed here.
 * @returns Whether they are there.
 */
export async function makeSearchable(
  client: Client,
  say: (line: string) => void,
): Promise<boolean> {
  const problem = await ensureSearchAttributes(client);
  if (problem === null) return true;
  say(`search attributes are missing and can't be made (${problem}); make them with:`);
  for (const [name, type] of Object.entries(SEARCH_ATTRIBUTES)) {
    say(`  temporal operator search-attribute create --name ${name} --type ${type}`);
  }
  return false;
}

/** With the producers' own timestamps, `maxAhead` compares a wrong clock with itself. */
async function warnOfCreateTime(
  admin: LogAdmin,
  { plan: { topic } }: Pipeline,
  say: (line: string) => void,
): Promise<void> {
  const config = await admin.topicConfig(topic);
  if (config["message.timestamp.type"] === "LogAppendTime") return;
  say(
    `topic ${topic} has CreateTime timestamps: watermark.maxAhead can't see a wrong producer clock ` +
      "(set message.timestamp.type=LogAppendTime on the topic to let it)",
  );
}

function controlWorker(
  options: ControlOptions,
  client: Client,
  { reader, writer, cursors, fleet }: {
    reader: LogReader;
    writer: LogWriter;
    cursors: CursorBook;
    fleet: FleetDeps;
  },
  { bundlePath, identity }: { bundlePath: string; identity: string },
): Promise<RunningWorker> {
  const activities = createControlActivities({
    reader,
    writer,
    workflows: createWindowClient(client),
    fleet,
    trace: createTrace(),
    watches: [
      fleet.book,
      {
        awaiting: (partition, cursor) => cursors.note(partition, cursor),
        delivered: ({ partition, note }) => {
          if (note !== null) cursors.note(partition, note.to);
        },
        broker: reachability("broker", options.say),
      },
      ...options.watches ?? [],
    ],
  });
  const { temporal, pipeline: { plan: { pipeline } } } = options;
  return startControlWorker({ temporal, pipeline, bundlePath, activities, identity });
}

/** Tells people when a server can't be reached, and when it can be again. */
function reachability(what: string, say: (line: string) => void) {
  let since: number | null = null;
  return (problem: string | null) => {
    if (problem === null && since !== null) say(`${what} reachable again`);
    if (problem !== null && since === null) {
      say(`${what} unreachable since ${new Date().toISOString()}: ${problem}`);
    }
    since = problem === null ? null : since ?? Date.now();
  };
}

interface OwnerId {
  readonly host: string;
  readonly pid: number;
  readonly id: string;
}

async function takeLease(
  workflows: PipelineClient,
  { pipeline: { plan }, newGeneration }: ControlOptions,
  owner: OwnerId,
  fingerprint: Fingerprint,
): Promise<number> {
  const used = await workflows.lastGeneration();
  const ask = (evict: string | null) =>
    workflows.lease({
      used,
      owner,
      ttlMs: LEASE_MS,
      fingerprint,
      newGeneration,
      evict,
    });
  let answer = await ask(null);
  if (!answer.granted && answer.code === "TG_CONTROL_RUNNING") {
    const { owner: other } = answer.lease;
    if (other.host === owner.host && !(await isAlive(other.pid))) answer = await ask(other.id);
  }
  if (answer.granted) return answer.generation;
  if (answer.code === "TG_CONTROL_RUNNING") {
    throw controlRunning(plan.pipeline, answer.lease);
  }
  if (answer.differences.every((line) => line.startsWith("topicId"))) {
    throw new TidegateError(
      "TG_TOPIC_RECREATED",
      `Topic ${plan.topic} was deleted and made again: its offsets mean other records now`,
      { next: "Begin a new generation: deno task start --new-generation." },
    );
  }
  throw new TidegateError(
    "TG_DEFINITION_CHANGED",
    `The definition of ${plan.pipeline} is not the one its state was made by:\n  ` +
      answer.differences.join("\n  "),
    {
      next: "Take the change back, give the pipeline another name, or begin a new generation: " +
        "deno task start --new-generation [--from earliest|latest|ISO].",
    },
  );
}

/** Whether a process of this machine runs. */
async function isAlive(pid: number): Promise<boolean> {
  try {
    const { success } = await new Deno.Command("ps", {
      args: ["-p", String(pid)],
      stdout: "null",
      stderr: "null",
    }).output();
    return success;
  } catch {
    return true;
  }
}

/** Starts the drains of a generation, and those of partitions that come later. */
class Drains {
  readonly #known = new Set<number>();

  constructor(
    readonly options: ControlOptions,
    readonly workflows: PipelineClient,
    readonly reader: LogReader,
    readonly generation: number,
    readonly searchAttributes: boolean,
    readonly topic: TopicInfo,
  ) {}

  get partitions(): readonly number[] {
    return [...this.#known].sort((a, b) => a - b);
  }

  async start(partitions: readonly number[]): Promise<void> {
    await Promise.all(partitions.map((partition) => this.#startOne(partition)));
  }

  /** Looks whether there are new partitions, and drains them from their beginning. */
  async refresh(): Promise<void> {
    const info = await this.reader.describe(this.topic.topic);
    const added = (info?.partitions ?? []).filter((partition) => !this.#known.has(partition));
    if (added.length > 0) this.options.say(`new partitions: ${added.join(", ")}`);
    await this.start(added);
  }

  async #startOne(partition: number): Promise<void> {
    const { options, generation, searchAttributes, workflows } = this;
    const { plan } = options.pipeline;
    const { start, end } = await this.reader.offsets(plan.topic, partition);
    const until = options.mode === "live" ? null : end;
    const added = this.#known.size > 0 && !this.topic.partitions.includes(partition);
    const started = await workflows.startDrain({
      plan: runPlanOf(plan),
      generation,
      topicId: this.topic.topicId,
      paceMs: paceOf(options.paceMs, this.topic.partitions.length),
      sliceMs: options.sliceMs,
      searchAttributes,
      partition,
      from: added ? start : await this.#from(partition, start, end),
      until,
    });
    this.#known.add(partition);
    if (started) return;
    const view = await workflows.drain(generation, partition);
    if (view.cursor > end && view.mode !== "stopped" && view.mode !== "excluded") {
      const message = `the cursor ${view.cursor} is beyond the end ${end} of ${plan.topic}`;
      return await workflows.stop(generation, partition, "TG_OFFSET_GONE", message);
    }
    if (view.until !== until) await workflows.bound(generation, partition, until);
  }

  async #from(partition: number, start: number, end: number): Promise<number> {
    const { pipeline: { plan }, from = plan.from } = this.options;
    if (from === "earliest") return start;
    return from === "latest" ? end : await this.reader.offsetAt(plan.topic, partition, from);
  }
}

/** What goes on at intervals as long as the control process runs. */
class Watch {
  readonly #timers: ReturnType<typeof setInterval>[] = [];
  readonly #cursors: CursorBook;
  readonly lost: Promise<TidegateError>;
  lose: (why: TidegateError) => void = () => undefined;

  constructor(
    options: ControlOptions,
    workflows: PipelineClient,
    owner: OwnerId,
    fingerprint: Fingerprint,
    drains: Drains,
    cursors: CursorBook,
  ) {
    this.#cursors = cursors;
    this.lost = new Promise((resolve) => this.lose = resolve);
    const failing = (what: string) => (error: Error) => options.say(`${what}: ${error.message}`);
    const temporal = reachability("Temporal", options.say);
    const renew = async () => {
      const request = { owner, ttlMs: LEASE_MS, fingerprint, newGeneration: false, evict: null };
      const answer = await workflows.lease(request);
      temporal(null);
      if (answer.granted) return;
      this.lose(new TidegateError("TG_CONTROL_LOST", "Another control process holds the lease"));
    };
    this.#timers.push(
      setInterval(() => void renew().catch((error: Error) => temporal(error.message)), RENEW_MS),
      setInterval(() => {
        void drains.refresh().catch(failing("the topic could not be looked at"));
      }, options.topologyMs ?? TOPOLOGY_MS),
      setInterval(() => void cursors.commit().catch(failing("cursors were not shown")), 1_000),
    );
  }

  async stop(): Promise<void> {
    this.#timers.forEach(clearInterval);
    await this.#cursors.commit();
  }
}
