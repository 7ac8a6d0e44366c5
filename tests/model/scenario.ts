/**
 * Random scenarios: a definition, topics with all that can be wrong with them, what people do
 * meanwhile, and how unreliable the world is.
 *
 * @module
 */

import type { RunPlan } from "../../core/plan.ts";
import { hopping, tumbling } from "../../core/event_time/windows.ts";
import type { Random } from "./random.ts";
import type { Faults } from "./world.ts";

/** A record of the topic. */
export interface ModelRecord {
  /** A hole is an offset without a record, such as a transaction's marker leaves. */
  readonly kind: "event" | "filtered" | "invalid" | "hole";
  /** When it is in the log, virtual time. */
  readonly appendAtMs: number;
  /** Its timestamp; -1 for none. */
  readonly timestampMs: number;
  /** Its event time. */
  readonly time: number;
  /** Its key. */
  readonly key: string;
  /** Its value. */
  readonly x: number;
}

/** A partition of the topic. */
export interface ModelPartition {
  /** Its records by offset, in the order of their appending. */
  readonly records: readonly ModelRecord[];
  /** When its drain is started; 0 for those that are there from the start. */
  readonly startAtMs: number;
}

/** What a person does to a partition. */
export interface Deed {
  /** When, virtual time. */
  readonly atMs: number;
  /** The partition. */
  readonly partition: number;
  /**
   * A stop is what an activity or a window would cause. To terminate is to end some window's
   * workflow; to tamper is to tell some window of a watermark that there is not.
   */
  readonly kind: "stop" | "resume" | "exclude" | "bound" | "terminate" | "tamper";
  /** With `resume`: how many offsets are skipped. */
  readonly skip: number;
}

/** A scenario. */
export interface Scenario {
  /** The definition. */
  readonly plan: RunPlan;
  /** The pace. */
  readonly paceMs: number;
  /** How many offsets a slice takes at most. */
  readonly sliceOffsets: number;
  /** The topic. */
  readonly partitions: readonly ModelPartition[];
  /** Live from the start; or first drained up to fixed ends, and then live or not. */
  readonly mode: "live" | "bounded" | "bounded-live";
  /** Whether the fixed ends are followed by a flush. */
  readonly flush: boolean;
  /** What people do. */
  readonly deeds: readonly Deed[];
  /** How unreliable the world is. */
  readonly faults: Faults;
  /** When the world begins. */
  readonly startMs: number;
}

/** The virtual time at which the second half of a bounded-live scenario's records comes. */
const SECOND_PART_MS = 5_000;

/**
 * Makes a scenario.
 *
 * @param random The randomness.
 * @returns The scenario.
 */
export function randomScenario(random: Random): Scenario {
  const startMs = random.pick([0, 1_000_000, 1_000_000]);
  const mode = random.pick(["live", "live", "bounded", "bounded-live"]);
  const plan = randomPlan(random);
  const count = random.int(1, 4);
  const lengthMs = random.pick([200, 1_000, 3_000]);
  const partitions = Array.from({ length: count }, (_, p): ModelPartition => ({
    records: randomRecords(random, { plan, mode, startMs, lengthMs }),
    startAtMs: mode === "live" && p > 0 && random.chance(0.1) ? random.int(1, lengthMs) : 0,
  }));
  return {
    plan,
    paceMs: random.pick([0, 5, 30]),
    sliceOffsets: random.pick([1, 3, 8, 30]),
    partitions,
    mode,
    flush: random.chance(0.5),
    deeds: randomDeeds(random, count, lengthMs + (mode === "bounded-live" ? SECOND_PART_MS : 0)),
    faults: randomFaults(random),
    startMs,
  };
}

function randomPlan(random: Random): RunPlan {
  const slide = random.int(5, 40);
  const offset = random.int(-50, 50);
  return {
    pipeline: "model",
    topic: "model",
    resultsTopic: "model.results",
    lateTopic: "model.late",
    invalidTopic: "model.invalid",
    from: "earliest",
    windowing: random.chance(0.6)
      ? tumbling(slide, { offset })
      : hopping(random.int(slide, slide * 3), slide, { offset }),
    delayMs: random.pick([0, 3, 20, 60]),
    idleAfterMs: random.pick([20, 100, 400]),
    maxAheadMs: random.pick([0, 30, 100]),
    maxDriftMs: random.pick([1, 25, 100, 1_000_000]),
    latenessMs: random.pick([0, 0, 7, 40]),
    shards: random.pick([1, 1, 2]),
    groupBy: random.chance(0.8) ? ["k"] : [],
    aggregates: [
      { name: "n", kind: "count", field: null },
      { name: "total", kind: "sum", field: "x" },
      { name: "mean", kind: "avg", field: "x" },
      { name: "low", kind: "min", field: "x" },
      { name: "high", kind: "max", field: "x" },
    ],
    eventTimeField: "t",
  };
}

interface TopicRules {
  readonly plan: RunPlan;
  readonly mode: Scenario["mode"];
  readonly startMs: number;
  readonly lengthMs: number;
}

function randomRecords(random: Random, rules: TopicRules): ModelRecord[] {
  const { plan, mode, startMs, lengthMs } = rules;
  const count = random.pick([0, 1, 5, 15, 15, 25, 60]);
  const disorder = random.pick([0, 5, 30, 100]);
  const badness = random.pick([0, 0.1, 0.4]);
  const timestamps = random.chance(0.8);
  // Live records come as time goes by; others are a backlog. Some partitions end early.
  const ends = random.chance(0.3) ? lengthMs / 3 : lengthMs;
  const moments = Array.from({ length: count }, () => random.int(0, ends)).sort((a, b) => a - b);
  const backlog = mode !== "live" || random.chance(0.3);
  const second = mode === "bounded-live" ? random.int(0, count) : count;
  return moments.map((moment, offset): ModelRecord => {
    const late = offset >= second ? SECOND_PART_MS : 0;
    const kind = random.chance(badness) ? random.pick(["invalid", "filtered", "hole"]) : "event";
    const jump = random.chance(0.05) ? random.int(-300, 200) : 0;
    return {
      kind,
      appendAtMs: startMs + late + (backlog && late === 0 ? 0 : moment),
      timestampMs: timestamps ? startMs + late + moment : -1,
      time: startMs + late + moment - random.int(0, disorder) + jump +
        (random.chance(badness / 4) ? plan.maxAheadMs + random.int(1, 50) : 0),
      key: random.pick(["a", "b", "c"]),
      x: randomValue(random),
    };
  });
}

function randomValue(random: Random): number {
  const whole = random.int(-1_000, 1_000);
  return random.pick([whole, whole / 10, whole / 10, whole * 1e16, whole / 3, whole * 1e-300]) + 0;
}

function randomDeeds(random: Random, partitions: number, lengthMs: number): Deed[] {
  if (random.chance(0.6)) return [];
  const deeds: Deed[] = [];
  for (let i = random.int(1, 3); i > 0; i--) {
    const partition = random.int(0, partitions - 1);
    const atMs = random.int(0, lengthMs);
    const kind = random.pick([
      "stop",
      "stop",
      "exclude",
      "exclude",
      "bound",
      "bound",
      "terminate",
      "tamper",
    ]);
    deeds.push({ atMs, partition, kind, skip: 0 });
    const isLeft = kind === "exclude" && random.chance(0.5);
    if (kind === "bound" || kind === "terminate" || kind === "tamper" || isLeft) continue;
    const resumeAtMs = atMs + random.pick([0, 1, 20, 500, 2_000]);
    const skip = random.pick([0, 0, 0, 1, 4]);
    deeds.push({ atMs: resumeAtMs, partition, kind: "resume", skip });
  }
  return deeds;
}

function randomFaults(random: Random): Faults {
  const calm = { lost: 0, unanswered: 0, zombie: 0, crash: 0, continueAsNew: 0, failure: 0 };
  const latencyMs = random.pick([1, 5, 20]);
  if (random.chance(0.15)) return { ...calm, latencyMs };
  const chance = () => random.pick([0, 0.03, 0.15]);
  return {
    lost: chance(),
    unanswered: chance(),
    zombie: chance(),
    crash: chance(),
    continueAsNew: random.pick([0, 0.1, 0.5]),
    failure: chance(),
    latencyMs,
  };
}
