/**
 * The drain workflow as the model's Temporal runs it: messages of one activation together, commands
 * carried out by the world, continue-as-new at any moment, and the same run replayed now and then.
 *
 * @module
 */

import {
  type Decision,
  Drain,
  type DrainCommand,
  type DrainRules,
  type DrainSnapshot,
  type History,
  newDrain,
  type PartitionStart,
} from "../../core/flow/drain.ts";
import type { DrainPace } from "../../core/flow/drain/state.ts";
import type { SettleOutcome } from "../../core/flow/delivery.ts";
import type { SweepRequest, SweepResult } from "../../core/flow/sweep.ts";
import { AGGREGATES, type Scenario } from "./scenario.ts";
import { SettleActivity, type Windows } from "./settle_activity.ts";
import { SweepAttempt } from "./sweep_activity.ts";
import { Violation, type World } from "./world.ts";

/** A message to the drain, as it lies in the history. */
export type Message =
  | { readonly kind: "swept"; readonly result: SweepResult }
  | { readonly kind: "sweepFailed"; readonly n: number }
  | { readonly kind: "notStarted"; readonly n: number }
  | { readonly kind: "settled"; readonly id: number; readonly outcomes: readonly SettleOutcome[] }
  | { readonly kind: "settleFailed"; readonly id: number }
  | { readonly kind: "ready"; readonly slots: number }
  | { readonly kind: "resume"; readonly partition: number; readonly from: number }
  | { readonly kind: "exclude"; readonly partition: number }
  | { readonly kind: "added"; readonly starts: readonly PartitionStart[] }
  | { readonly kind: "topicHas"; readonly partitions: number }
  | { readonly kind: "bound"; readonly untils: readonly (readonly [number, number | null])[] }
  | { readonly kind: "accept"; readonly hash: string }
  | { readonly kind: "flush" }
  | { readonly kind: "tune"; readonly pace: DrainPace };

/** Looks at the drain before and after each activation. */
export interface Watcher {
  before(drain: Drain): void;
  after(drain: Drain, messages: readonly Message[], decision: Decision): void;
}

interface Activation {
  readonly messages: readonly Message[];
  readonly nowMs: number;
  readonly history: History;
}

/** How long a sweep may wait for a worker. */
const SCHEDULE_TO_START_MS = 5_000;
const HEARTBEAT_MS = 3_000;
/** Nobody answers what was not asked for ever: each time, silence begins anew. */
const WRONG_MS = 300_000;

/** The drain workflow. */
export class Host {
  drain: Drain;
  readonly #world: World;
  readonly #windows: Windows;
  readonly #watcher: Watcher;
  readonly #rules: DrainRules;
  #run = 0;
  #began: string;
  #activations: Activation[] = [];
  #decisions: Decision[] = [];
  #pending: Message[] = [];
  #scheduled = false;
  #wake = 0;
  #settles = new Set<SettleActivity>();
  readonly #running = new Map<SweepAttempt, { readonly n: number; readonly at: string }>();

  constructor(world: World, windows: Windows, watcher: Watcher) {
    this.#world = world;
    this.#windows = windows;
    this.#watcher = watcher;
    const { scenario } = world;
    this.#rules = rulesOf(scenario);
    const starts = scenario.logs.flatMap((log, partition): PartitionStart[] =>
      scenario.addedAt[partition] === 0
        ? [{ partition, cursor: 0, until: scenario.mode === "bounded" ? log.length : null }]
        : []
    );
    this.#began = JSON.stringify(newDrain(starts, "a"));
    this.drain = this.#fromState();
    this.send({ kind: "ready", slots: scenario.fleet });
  }

  /** Sends a message; it arrives with the next activation. */
  send(message: Message): void {
    const run = this.#run;
    const fromActivity = message.kind === "swept" || message.kind === "sweepFailed" ||
      message.kind === "notStarted" || message.kind === "settled" ||
      message.kind === "settleFailed";
    this.#world.after(this.#world.random.int(0, 4), () =>
      this.#world.throughTemporal(() => {
        // What an activity of an earlier run answers is refused.
        if (fromActivity && run !== this.#run) return this.#world.count("answers to ended runs");
        this.#pending.push(message);
        this.#schedule(this.#world.random.pick([0, 0, 2, 30]));
      }));
  }

  /** The workers that are at work die, or are told to end. */
  stopWorkers(told: boolean): void {
    for (const [attempt, { at }] of [...this.#running]) {
      if (at === "control") continue;
      if (told) attempt.tell();
      else attempt.kill();
    }
  }

  #schedule(ms: number): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#world.after(ms, () =>
      this.#world.throughTemporal(() => {
        this.#scheduled = false;
        this.#activate();
      }));
  }

  #activate(): void {
    const world = this.#world;
    const { random, scenario } = world;
    const messages = random.chance(0.3)
      ? this.#pending.toSorted(() => random.next() - 0.5)
      : this.#pending;
    this.#pending = [];
    const events = Math.floor(this.#activations.length * 8_000 / scenario.runActivations);
    const continues = this.#activations.length > 0 && random.chance(scenario.continues);
    const bytes = Math.floor(events * random.next() * 1_024);
    const suggested = events > 7_200 && random.chance(0.3);
    const history = { events: continues ? 20_000 : events, bytes, suggested };
    const activation: Activation = {
      messages: this.#copied(messages),
      nowMs: world.temporalNow,
      history,
    };
    this.#watcher.before(this.drain);
    const decision = apply(this.drain, activation);
    this.#activations.push(activation);
    this.#decisions.push(decision);
    world.count("activations");
    this.#watcher.after(this.drain, activation.messages, decision);
    if (random.chance(scenario.faults.includes("sizes") ? 0.002 : 0.02)) this.#replay();
    for (const command of decision.commands) this.#carryOut(command);
    if (decision.wakeAtMs !== null) {
      const afterMs = decision.wakeAtMs - activation.nowMs;
      this.#wake += 1;
      const wake = this.#wake;
      world.after(afterMs, () => {
        if (wake === this.#wake) this.#schedule(0);
      });
    }
  }

  /** The same activations from the same state must come to the same. */
  #replay(): void {
    this.#world.count("replays");
    const drain = this.#fromState();
    for (const [i, activation] of this.#activations.entries()) {
      const decided = JSON.stringify(apply(drain, activation));
      if (decided !== JSON.stringify(this.#decisions[i])) {
        throw new Violation(`activation ${i} decides otherwise when it is replayed`);
      }
    }
    if (JSON.stringify(drain.snapshot()) !== JSON.stringify(this.drain.snapshot())) {
      throw new Violation("a replay comes to another state");
    }
  }

  #fromState(): Drain {
    const state: DrainSnapshot = JSON.parse(this.#began);
    return new Drain(this.#rules, state);
  }

  #carryOut(command: DrainCommand): void {
    const world = this.#world;
    world.count(`command ${command.kind}`);
    switch (command.kind) {
      case "sweep":
        this.#sweep(command.request, command.at);
        break;
      case "cancel":
        // The attempt goes on for a while; what it answers is ignored.
        for (const [attempt, { n, at }] of this.#running) {
          if (n !== command.n) continue;
          world.after(world.random.int(0, at === "fleet" ? 1_500 : 10_000), () => {
            if (world.random.chance(0.5)) attempt.tell();
            else attempt.kill();
          });
        }
        break;
      case "settle": {
        const settle = new SettleActivity(world, this.#windows, command.calls, (outcomes) => {
          this.#settles.delete(settle);
          this.send(
            outcomes === null
              ? { kind: "settleFailed", id: command.id }
              : { kind: "settled", id: command.id, outcomes },
          );
        });
        this.#settles.add(settle);
        if (this.#settles.size > 8) throw new Violation("too many settles are out");
        break;
      }
      case "wake":
        if (world.random.chance(world.scenario.loss * 3)) {
          world.count("wakes lost");
          break;
        }
        world.after(world.random.int(300, 3_000), () => {
          world.fleet = Math.max(1, world.fleet);
          this.send({ kind: "ready", slots: world.fleet });
        });
        break;
      case "findPartitions":
        world.after(
          world.random.chance(0.5) ? world.latency() : world.random.int(1, 20_000),
          () => {
            // Now and then one has no leader.
            const starts = command.partitions.filter(() => !world.random.chance(0.1))
              .map((partition) => ({ partition, cursor: 0 }));
            this.send({ kind: "added", starts });
          },
        );
        break;
      case "continueAsNew": {
        const state = JSON.stringify(this.drain.snapshot());
        if (state.length > 1_800_000) throw new Violation(`a state of ${state.length} characters`);
        this.#beginRun(state);
        break;
      }
    }
  }

  /** The workflow is put back: what it has asked for since goes on in the world. */
  reset(state: string): void {
    this.#world.count("resets");
    this.#pending = [];
    this.#beginRun(state);
    this.send({ kind: "ready", slots: this.#world.fleet });
  }

  #beginRun(state: string): void {
    for (const settle of this.#settles) settle.abandon();
    this.#settles = new Set();
    this.#began = state;
    this.#run += 1;
    this.#activations = [];
    this.#decisions = [];
    this.drain = this.#fromState();
    this.#wake += 1;
    this.#schedule(0);
  }

  /** A sweep with up to two attempts; a look with more. */
  #sweep(request: SweepRequest, at: "fleet" | "control"): void {
    const world = this.#world;
    const run = this.#run;
    const scheduledAt = world.now;
    const answer = (message: Message) => {
      if (run === this.#run) this.send(message);
      else world.count("answers to ended runs");
    };
    const begin = (attempt: number): void => {
      if (run !== this.#run) return;
      if (at === "fleet" && this.#busy() >= world.fleet) {
        if (world.now - scheduledAt >= SCHEDULE_TO_START_MS && attempt === 1) {
          world.count("sweeps not started");
          return answer({ kind: "notStarted", n: request.n });
        }
        return world.after(100, () => begin(attempt));
      }
      const again = (ms: number) =>
        world.after(ms, () => {
          if (at === "fleet" && attempt >= 2) {
            world.count("sweeps failed");
            answer({ kind: "sweepFailed", n: request.n });
          } else if (attempt >= 3) answer({ kind: "sweepFailed", n: request.n });
          else begin(attempt + 1);
        });
      if (at === "control" && world.random.chance(world.scenario.loss)) {
        world.count("looks failed");
        return answer({ kind: "sweepFailed", n: request.n });
      }
      let over = false;
      const dies = (ms: number) => {
        if (over) return;
        over = true;
        this.#running.delete(sweep);
        world.count("sweep attempts lost");
        again(ms);
      };
      const sweep = new SweepAttempt(world, this.#copied(request), (result) => {
        this.#running.delete(sweep);
        if (world.random.chance(world.scenario.loss)) {
          world.count("sweep answers lost");
          return again(HEARTBEAT_MS);
        }
        over = true;
        const { fails, wrong } = world.scenario;
        const codeHash = world.random.chance(fails / 2) ? "other" : result.codeHash;
        const isWrong = world.now < WRONG_MS && world.random.chance(wrong);
        const says = isWrong ? this.#wrong(request, result) : result;
        if (codeHash === "other") world.count("results of other code");
        world.after(
          world.latency(),
          () => answer({ kind: "swept", result: { ...says, codeHash, attempt } }),
        );
      }, () => dies(HEARTBEAT_MS));
      this.#running.set(sweep, { n: request.n, at });
      const kill = () => {
        if (over || !this.#running.has(sweep)) return;
        sweep.kill();
        dies(HEARTBEAT_MS);
      };
      if (world.random.chance(world.scenario.loss / 2)) {
        world.after(world.random.int(1, 4_000), kill);
      }
      // A worker that dies with its process is noticed by its heartbeat.
      const watch = () => {
        if (over || !this.#running.has(sweep)) return;
        if (sweep.isKilled) return dies(HEARTBEAT_MS);
        world.after(500, watch);
      };
      world.after(500, watch);
    };
    world.after(world.latency(), () => begin(1));
  }

  /** An answer that nobody has asked for; of a window that has completed, if there is one. */
  #wrong({ partitions: [asked] }: SweepRequest, result: SweepResult): SweepResult {
    const { random } = this.#world;
    this.#world.count("wrong answers of sweeps");
    const [first, ...rest] = result.partitions;
    const { watermark } = this.drain;
    if (first === undefined) return result;
    const other = { ...first, partition: 99 };
    const beyond = { ...first, to: asked?.role === "look" ? first.from + 1 : first.from - 2 };
    const long = this.#rules.windowing.sizeMs + this.#rules.latenessMs;
    if (asked?.role === "look" && random.chance(0.5)) {
      return { ...result, partitions: [beyond, ...rest] };
    }
    return random.pick<SweepResult>([
      { ...result, partitions: [first, first, ...rest.slice(1)] },
      { ...result, partitions: rest },
      { ...result, partitions: [first, first, ...rest.slice(1)] },
      { ...result, partitions: [other, ...rest] },
      { ...result, partitions: [{ ...first, from: first.from + 1 }, ...rest] },
      { ...result, partitions: [{ ...first, to: first.from - 1 }, ...rest] },
      { ...result, partitions: [beyond, ...rest] },
      watermark === null ? { ...result, partitions: rest } : {
        ...result,
        windows: [{
          start: watermark - watermark % 10_000 - long,
          shard: 0,
          cells: [],
          bytes: 2,
          spans: [],
        }],
      },
    ]);
  }

  /** A value as it comes out of the history; the same as it was, so that a copy now and then will do. */
  #copied<T>(value: T): T {
    return this.#world.random.chance(0.1) ? JSON.parse(JSON.stringify(value)) : value;
  }

  #busy(): number {
    return [...this.#running.values()].filter(({ at }) => at === "fleet").length;
  }
}

function apply(drain: Drain, activation: Activation): Decision {
  for (const message of activation.messages) {
    switch (message.kind) {
      case "swept":
        drain.swept(message.result);
        break;
      case "sweepFailed":
        drain.sweepFailed(message.n, "TG_SWEEP_FAILED", "two attempts failed");
        break;
      case "notStarted":
        drain.sweepNotStarted(message.n);
        break;
      case "settled":
        drain.settled(message.id, message.outcomes);
        break;
      case "settleFailed":
        drain.settleFailed(message.id);
        break;
      case "ready":
        drain.ready(message.slots);
        break;
      case "resume":
        drain.resume(message.partition, message.from);
        break;
      case "exclude":
        drain.exclude(message.partition);
        break;
      case "added":
        drain.added(message.starts);
        break;
      case "bound":
        drain.bound(new Map(message.untils));
        break;
      case "topicHas":
        drain.topicHas(message.partitions);
        break;
      case "accept":
        drain.accept(message.hash);
        break;
      case "flush":
        drain.flush();
        break;
      case "tune":
        drain.tune(message.pace);
        break;
    }
  }
  return drain.decide(activation.nowMs, activation.history);
}

function rulesOf(scenario: Scenario): DrainRules {
  return {
    aggregates: AGGREGATES,
    windowing: scenario.windowing,
    latenessMs: scenario.latenessMs,
    deliverEveryMs: scenario.deliverEveryMs,
    emitEveryMs: scenario.emitEveryMs,
    generation: 1,
    topic: "t",
    topicId: null,
    delayMs: scenario.delayMs,
    idleAfterMs: scenario.idleAfterMs,
    maxDriftMs: scenario.maxDriftMs,
    paceMs: scenario.paceMs,
    sliceMs: scenario.sliceMs,
    maxOpenWindows: scenario.maxOpenWindows,
  };
}
