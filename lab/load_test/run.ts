/**
 * Runs the load test: the fleet from 0, the phases one after the other, and what is read back at the
 * end.
 *
 * @module
 */

import { setTimeout as sleep } from "node:timers/promises";
import type { PipelineObserver } from "../../activities/observer.ts";
import { createKafkaAdmin } from "../../adapters/kafka/admin.ts";
import type { LogReader, LogWriter } from "../../adapters/kafka/log.ts";
import { createKafkaReader } from "../../adapters/kafka/reader.ts";
import { createKafkaJsWriter } from "../../adapters/kafka/kafkajs_writer.ts";
import { auditGeneration } from "../../cli/audit.ts";
import { deliverEveryMs, passingDashboardFor } from "../../cli/control.ts";
import { decisionLine, decisionsTo } from "../../cli/report.ts";
import { rowLines, windowText, writtenRows } from "../../cli/rows.ts";
import { type Session, stackOptions } from "../../cli/session.ts";
import type { Audit } from "../../core/flow/audit.ts";
import { type HeardNote, workerRateOf } from "../../core/scaling/speed.ts";
import type { FleetDecision } from "../../core/scaling/state.ts";
import { stackStatus } from "../../devstack/stack.ts";
import { type Control, startControl } from "../../processes/control/start.ts";
import { ensureSourceTopic, produce } from "../../producer/mod.ts";
import { usageOf } from "../machine.ts";
import { allClosed } from "../scratch.ts";
import { type Comparison, readTopic, recompute, type TopicContent } from "./check.ts";
import type { ZeroOutcome } from "./judge.ts";
import type { FoldedMark, Overhead, ProcessUse } from "./measures.ts";
import { type PhaseName, type PhaseSeconds, phasesOf } from "./plan.ts";
import { type PhaseSpan, Recorder, type TimelinePoint } from "./record.ts";
import { type FrameState, Screen } from "./screen.ts";

/** How often the live view is shown, in ms. */
const SHOW_MS = 250;
/** How often something is looked at that is waited for, in ms. */
const LOOK_MS = 50;
/**
 * The burst that a worker's speed is measured by, in records: three a partition, so that what a sweep
 * costs beside its records weighs little, and too few to look like a load that one can't do.
 */
const BURST = 24;
/** What came is forgotten after this time, in ms: the policy looks at the arrivals of 3 s. */
const FORGOTTEN_MS = 4_000;
/** How long the warm-up's records may take until they are folded, in ms. */
const WARM_UP_MS = 60_000;
/** How long the last windows may take to close, in ms. */
const LAST_CLOSE_MS = 60_000;
/** How long the one record after the rest may take until it is folded, in ms. */
const ONE_RECORD_MS = 30_000;
/** How long the fleet may take to 0 beyond the time without events, in ms. */
const TO_ZERO_MS = 60_000;
/** Shares of records that are late, and that are invalid, in the load. */
const ODD_SHARE = 0.005;

/** How the load test runs. */
export interface LoadTestOptions {
  /** The servers, and the pipeline of the test. */
  readonly session: Session;
  /** Events per second of one producer. */
  readonly rate: number;
  /** How many partitions the topic has. */
  readonly partitions: number;
  /** How long the phases last. */
  readonly seconds: PhaseSeconds;
  /** Whether to go to 0 workers and back at the end. */
  readonly zero: boolean;
  /** Shows how it goes. */
  readonly screen: Screen;
  /** Ends the test early. */
  readonly stop: AbortController;
  /** Takes what must be closed, last one first, however the test ends. */
  readonly closing: (() => Promise<unknown>)[];
}

/** What a load test recorded and found. */
export interface LoadTestRun {
  /** What was recorded, earliest first. */
  readonly points: readonly TimelinePoint[];
  /** All decisions, earliest first. */
  readonly decisions: readonly FleetDecision[];
  /** When the phases were. */
  readonly phases: readonly PhaseSpan[];
  /** Events per second that one worker folds, by the warm-up; null if it was not measured. */
  readonly workerRate: number | null;
  /** The sweeps, in the order of their answers. */
  readonly notes: readonly HeardNote[];
  /** How far each partition was folded when, earliest first. */
  readonly marks: readonly FoldedMark[];
  /** The topic's records; null if there were too many. */
  readonly content: TopicContent | null;
  /** The way to 0 and back, without the record's delay; null if it was not gone. */
  readonly zero: Pick<ZeroOutcome, "toZeroMs"> | null;
  /** Who ran beside the workers. */
  readonly overhead: Overhead;
  /** Whether all windows closed at the end. */
  readonly allClosed: boolean;
  /** The audit. */
  readonly audit: Audit;
  /** The windows recomputed; null if there were too many records. */
  readonly recomputed: Comparison | null;
}

/**
 * Runs the load test.
 *
 * @returns What was recorded and found; null if it was ended early.
 * @throws {TidegateError} What the servers and the control process throw.
 */
export async function runLoadTest(options: LoadTestOptions): Promise<LoadTestRun | null> {
  const { session, closing, screen, stop } = options;
  const { kafka, temporal, pipeline, pipelineFile, config } = session;
  const recorder = new Recorder(pipeline.plan.topic);
  const admin = createKafkaAdmin(kafka);
  const reader = createKafkaReader(kafka);
  const writer = recorder.counting(createKafkaJsWriter(kafka));
  closing.push(() => Promise.all([admin.close(), reader.close(), writer.close()]));
  const { topic } = pipeline.plan;
  await ensureSourceTopic({ topic, partitions: options.partitions }, admin, reader);
  if (stop.signal.aborted) return null;
  const dashboard = await passingDashboardFor(session);
  closing.push(() => dashboard.stop());
  const control = await startControl({
    ...config,
    launcher: { kind: "process" },
    pipeline,
    pipelineFile,
    kafka,
    temporal,
    fleet: {
      min: config.minWorkers,
      max: config.maxWorkers,
      workers: null,
      idleToZeroMs: config.idleToZeroMs,
    },
    deliverEveryMs: deliverEveryMs(config),
    mode: "live",
    observers: [recorder, dashboard.watch, teller(screen)],
    newGeneration: false,
    say: screen.line,
  });
  closing.push(() => control.stop());
  await dashboard.attach(control);
  screen.line(`live page: ${dashboard.url}`);
  recorder.start(control);
  closing.push(() => Promise.resolve(recorder.stop()));
  return await new Test(options, { control, recorder, reader, writer }).run();
}

/** Tells what happens, line by line, where no lines are drawn anew. */
function teller(screen: Screen): PipelineObserver {
  if (screen.redraws) return {};
  return {
    ...decisionsTo((line) => screen.line(`decided: ${line}`)),
    emitted({ rows, final }) {
      const [row] = rows;
      if (row === undefined || !final) return;
      const events = rows.reduce((sum, { events }) => sum + events, 0);
      const figures = [...Object.values(row.key), ...Object.entries(row.values).flat()].join(" ");
      screen.line(
        `closed: window ${windowText(row.window)}, ${rows.length} rows of ${events} events, ` +
          `the first: ${figures}`,
      );
    },
  };
}

interface Parts {
  readonly control: Control;
  readonly recorder: Recorder;
  readonly reader: LogReader;
  readonly writer: LogWriter;
}

/** One load test. */
class Test {
  readonly #options: LoadTestOptions;
  readonly #parts: Parts;
  readonly #phases: PhaseSpan[] = [];
  readonly #signal: AbortSignal;
  /** Those who produce; they end with their own signals. */
  readonly #producing: Promise<void>[] = [];
  #failure: unknown;
  #now: Pick<FrameState, "phase" | "note" | "seconds" | "producers"> = {
    phase: "warm-up",
    note: "",
    seconds: null,
    producers: 0,
  };
  #sinceMs = Date.now();

  constructor(options: LoadTestOptions, parts: Parts) {
    this.#options = options;
    this.#parts = parts;
    this.#signal = options.stop.signal;
    void parts.control.lost.then((error) => this.#fail(error));
  }

  async run(): Promise<LoadTestRun | null> {
    const { screen, closing, seconds } = this.#options;
    const shower = setInterval(() => this.#show(), SHOW_MS);
    closing.push(async () => {
      clearInterval(shower);
      screen.end();
      this.#options.stop.abort();
      await Promise.all(this.#producing);
    });
    const found = await this.#phasesAndEnd(phasesOf(seconds));
    if (this.#failure !== undefined) throw this.#failure;
    clearInterval(shower);
    screen.end();
    return found;
  }

  async #phasesAndEnd(plans: ReturnType<typeof phasesOf>): Promise<LoadTestRun | null> {
    const { screen } = this.#options;
    const { control, recorder, reader } = this.#parts;
    const { pipeline } = this.#options.session;
    const workerRate = await this.#warmUp();
    if (this.#signal.aborted) return null;
    const low = new AbortController();
    const used = await measureOverhead(this.#options.session);
    this.#produce(1, 1, low.signal);
    for (const { name, seconds, producers } of plans) {
      const more = new AbortController();
      if (producers > 1) this.#produce(producers - 1, 2, more.signal);
      await this.#phase(name, producers, seconds);
      more.abort();
      if (this.#signal.aborted) return null;
    }
    const overhead = await used();
    low.abort();
    await Promise.all(this.#producing);
    const zero = this.#options.zero ? await this.#toZeroAndBack() : null;
    if (this.#signal.aborted) return null;
    this.#begin({ phase: "end", note: "the last windows close", seconds: null, producers: 0 });
    const closed = await allClosed(control, LAST_CLOSE_MS, this.#signal);
    if (!closed && !this.#signal.aborted) screen.line("PROBLEM windows are still open");
    if (this.#signal.aborted) return null;
    const { generation } = control;
    const audit = await auditGeneration(control, pipeline.plan);
    const content = await readTopic(reader, pipeline.plan.topic, this.#signal);
    const recomputed = content === null
      ? null
      : await recompute({ pipeline, content, reader, generation, audit });
    recorder.look();
    return {
      points: recorder.points,
      decisions: recorder.decisions,
      phases: this.#phases,
      workerRate,
      notes: recorder.notes,
      marks: recorder.marks,
      content,
      zero,
      overhead,
      allClosed: closed,
      audit,
      recomputed,
    };
  }

  /** One record brings the first worker; a burst shows what it is worth. */
  async #warmUp(): Promise<number | null> {
    const { recorder } = this.#parts;
    const fromMs = Date.now();
    this.#begin({ phase: "warm-up", note: "the first record", seconds: null, producers: 0 });
    await this.#send(1, 3);
    await this.#until(() => recorder.folded >= 1, WARM_UP_MS);
    await this.#until(() => false, FORGOTTEN_MS);
    await this.#until(() => sweptBy(recorder.notes) >= 1, WARM_UP_MS);
    this.#now = { ...this.#now, note: `what is one worker worth: ${BURST} records` };
    const before = recorder.notes.length;
    await this.#send(BURST, 4);
    const forgottenMs = performance.now() + FORGOTTEN_MS;
    await this.#until(
      () => sweptBy(recorder.notes) >= recorder.sent && performance.now() >= forgottenMs,
      WARM_UP_MS,
    );
    this.#phases.push({ name: "warm-up", fromMs, toMs: Date.now(), producers: 0 });
    return workerRateOf(recorder.notes.slice(before));
  }

  async #phase(phase: PhaseName, producers: number, seconds: number): Promise<void> {
    this.#begin({ phase, note: "", seconds, producers });
    const fromMs = this.#sinceMs;
    await this.#until(() => false, seconds * 1000);
    this.#phases.push({ name: phase, fromMs, toMs: Date.now(), producers });
  }

  async #toZeroAndBack(): Promise<Pick<ZeroOutcome, "toZeroMs">> {
    const { recorder } = this.#parts;
    const { idleToZeroMs } = this.#options.session.config;
    this.#begin({ phase: "zero", note: "until there is no worker", seconds: null, producers: 0 });
    const fromMs = this.#sinceMs;
    const reached = await this.#until(
      () => recorder.processes === 0 && recorder.now().desired === 0,
      idleToZeroMs + TO_ZERO_MS,
    );
    const toZeroMs = reached ? Date.now() - fromMs : null;
    if (reached) {
      this.#now = { ...this.#now, note: "one record" };
      await this.#send(1, 5);
      await this.#until(() => recorder.folded >= recorder.sent, ONE_RECORD_MS);
    }
    this.#phases.push({ name: "zero", fromMs, toMs: Date.now(), producers: 0 });
    return { toZeroMs };
  }

  #begin(now: Pick<FrameState, "phase" | "note" | "seconds" | "producers">): void {
    this.#now = now;
    this.#sinceMs = Date.now();
    this.#show();
  }

  /** Sends some records at once. */
  async #send(count: number, seed: number): Promise<void> {
    if (this.#signal.aborted) return;
    const { session: { pipeline }, partitions } = this.#options;
    // Their event times end now, and lie close together.
    const options = { pipeline, partitions, count, seed, rate: 1_000 };
    await produce(options, this.#parts.writer, { signal: this.#signal });
  }

  #produce(producers: number, seed: number, signal: AbortSignal): void {
    const { session: { pipeline }, partitions, rate } = this.#options;
    const load = {
      pipeline,
      partitions,
      rate,
      producers,
      seed,
      disorderMs: 1_000,
      lateShare: ODD_SHARE,
      invalidShare: ODD_SHARE,
    };
    const both = AbortSignal.any([signal, this.#signal]);
    const work = produce(load, this.#parts.writer, { signal: both });
    this.#producing.push(work.then(() => undefined, (error) => this.#fail(error)));
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#options.stop.abort();
  }

  /** Waits until something holds, at most for a time; gives whether it holds. */
  async #until(test: () => boolean, withinMs: number): Promise<boolean> {
    const deadline = performance.now() + withinMs;
    for (;;) {
      if (test()) return true;
      const leftMs = deadline - performance.now();
      if (this.#signal.aborted || leftMs <= 0) return false;
      await sleep(Math.min(LOOK_MS, leftMs));
    }
  }

  #show(): void {
    const { recorder } = this.#parts;
    const { closed, lastChange } = recorder;
    this.#options.screen.show({
      ...this.#now,
      elapsed: (Date.now() - this.#sinceMs) / 1000,
      rate: recorder.rate,
      point: recorder.now(),
      decision: lastChange === undefined ? "" : decisionLine(lastChange),
      closed: closed === null ? "" : `window ${windowText(closed)}`,
      rows: closed === null ? [] : rowLines(writtenRows(closed.rows, { open: [] })),
    }, performance.now());
  }
}

/** How many records sweeps have folded that have answered. */
function sweptBy(notes: readonly HeardNote[]): number {
  return notes.reduce((sum, { records }) => sum + records, 0);
}

/**
 * Starts to measure what the control process and the servers use; only servers that run here, and
 * that were started by Tidegate.
 */
export async function measureOverhead(session: Session): Promise<() => Promise<Overhead>> {
  // It asks the servers, and has nothing to tell.
  const options = { ...stackOptions(session.config), say: () => undefined };
  const { broker, temporal } = await stackStatus(options);
  const uses = await Promise.all([
    startUse(Deno.pid),
    startUse(temporal.server?.pid ?? null),
    startUse(broker.server?.pid ?? null),
  ]);
  return async () => {
    const [control = null, temporal = null, broker = null] = await Promise.all(
      uses.map((use) => use()),
    );
    return { control, temporal, broker };
  };
}

async function startUse(pid: number | null): Promise<() => Promise<ProcessUse | null>> {
  if (pid === null) return () => Promise.resolve(null);
  const before = await usageOf(pid);
  const startedMs = performance.now();
  return async () => {
    const { cpuSeconds, rssMiB } = await usageOf(pid);
    const cores = (cpuSeconds - before.cpuSeconds) * 1000 / (performance.now() - startedMs);
    // Not so on systems without /proc.
    return Number.isFinite(cores) && rssMiB > 0 ? { cores, memoryMiB: rssMiB } : null;
  };
}
