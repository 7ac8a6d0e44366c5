/**
 * What happens in one schedule of the model, drawn from its seed: the topic, the settings, and which
 * faults come when.
 *
 * @module
 */

import type { AggregateSpec } from "../../core/fold/aggregates.ts";
import { hopping, tumbling, type Windowing } from "../../core/event_time/windows.ts";
import type { Random } from "./random.ts";
import type { LogRecord } from "./world.ts";

/** A fault of a broker. */
export interface BrokerFault {
  readonly kind: "down" | "hang" | "throttle" | "move";
  readonly partition: number;
  readonly from: number;
  readonly to: number;
}

/** What a person does. */
export interface Deed {
  readonly at: number;
  readonly kind:
    | "exclude"
    | "skip"
    | "accept"
    | "terminate"
    | "terminateAll"
    | "flush"
    | "bound"
    | "boundOne"
    | "tune";
  readonly partition: number;
}

/** One schedule. */
export interface Scenario {
  readonly mode: "live" | "bounded";
  readonly windowing: Windowing;
  readonly shards: number;
  readonly latenessMs: number;
  readonly delayMs: number;
  readonly idleAfterMs: number;
  readonly maxDriftMs: number;
  readonly paceMs: number;
  readonly sliceMs: number;
  readonly deliverEveryMs: number | null;
  readonly emitEveryMs: number | null;
  readonly maxOpenWindows: number;
  readonly logs: readonly (readonly LogRecord[])[];
  /** When each partition is added; 0 for those that are there from the beginning. */
  readonly addedAt: readonly number[];
  readonly fleet: number;
  readonly fleetMoves: readonly { readonly at: number; readonly to: number; told: boolean }[];
  readonly temporalAway: readonly (readonly [from: number, to: number])[];
  readonly unwritable: readonly (readonly [from: number, to: number])[];
  readonly brokerFaults: readonly BrokerFault[];
  readonly takeoverAt: number | null;
  readonly retentionMs: number;
  readonly deeds: readonly Deed[];
  /** How many activations fill a run's history, about. */
  readonly runActivations: number;
  /** How likely a run ends with any activation, whatever is out. */
  readonly continues: number;
  /** How likely an attempt, a request, an answer is lost. */
  readonly loss: number;
  /** When the drain is put back to an earlier state, and how far; null for never. */
  readonly reset: { readonly at: number; readonly toAt: number } | null;
  /** How likely a sweep reports that a partition's data needs a decision. */
  readonly fails: number;
  /** Whether the supervisor stops the last worker while nothing comes. */
  readonly scalesToZero: boolean;
  /** When the control process that owns the lease stands still. */
  readonly pauses: readonly (readonly [from: number, to: number])[];
  /** How likely a sweep or a settle answers what nobody has asked. */
  readonly wrong: number;
  /** How likely a worker stops for seconds between two polls. */
  readonly stalls: number;
  /** When the clock of Temporal jumps, and by how much. */
  readonly clockJumps: readonly { readonly at: number; readonly byMs: number }[];
  /** The kinds of faults in it. */
  readonly faults: readonly string[];
}

/** A window and its share of the keys, as one number: windows begin at whole seconds. */
export function idOf({ start, shard }: { readonly start: number; readonly shard: number }): number {
  return start + shard;
}

/** The window that a number stands for. */
export function windowOf(id: number): { readonly start: number; readonly shard: number } {
  return { start: id - id % 1_000, shard: id % 1_000 };
}

/** Which share of the keys a key belongs to. */
export function shardOf(key: string, shards: number): number {
  return key.charCodeAt(2) % shards;
}

/** What the model's windows compute. */
export const AGGREGATES: readonly AggregateSpec[] = [
  { name: "n", kind: "count", field: null },
  { name: "s", kind: "sum", field: "v" },
  { name: "m", kind: "max", field: "v" },
];

/** Draws a schedule. */
export function drawScenario(r: Random): Scenario {
  const many = r.chance(0.04);
  /** A bounded run in which few windows may be open, and one partition is far behind. */
  const tight = !many && r.chance(0.13);
  /** Backlogs on all partitions, then silence: work is spread while partitions become idle. */
  const burst = !many && !tight && r.chance(0.25);
  const mode = (burst || r.chance(0.7)) && !many && !tight ? "live" : "bounded";
  const size = !many && !tight && !burst && r.chance(0.36);
  const latenessMs = r.pick(size ? [0, 15_000, 15_000] : [0, 0, 15_000]);
  const partitions = burst
    ? r.pick([4, 4, 6])
    : size || tight
    ? r.pick([2, 3, 3])
    : r.pick([1, 2, 2, 3, 3, 4]);
  const windowing = r.chance(0.8) || size ? tumbling(10_000) : hopping(10_000, 5_000);
  const faults: string[] = [];
  const has = (name: string, likelihood: number) => {
    const happens = r.chance(likelihood);
    if (happens) faults.push(name);
    return happens;
  };
  const span = (size ? r.int(12, 25) : many ? r.int(2_000, 4_000) : r.int(20, 140)) * 1_000;
  const pairs = (likelihood: number, name: string, longest: number) =>
    has(name, likelihood)
      ? Array.from({ length: r.int(1, 2) }, () => {
        const from = r.int(0, span);
        const lasts = r.chance(0.1) ? r.int(longest, 900_000) : r.int(200, longest);
        return [from, from + lasts] as const;
      })
      : [];
  const poison = has("poison", 0.12);
  const useless = has("useless records", 0.12);
  const transactions = has("transactions", 0.15);
  const holes = has("holes", 0.15);
  const added = mode === "live" && partitions > 1 && has("partitions added", 0.28);
  const unbalanced = has("unbalanced", tight ? 1 : 0.15);
  const logs = Array.from({ length: partitions }, (_, partition) =>
    drawLog(r, {
      bounded: mode === "bounded",
      span,
      size,
      many,
      burst,
      poison: poison ? r.pick([0, 0.05, 0.05, size ? 0.1 : 0.5]) : 0,
      useless: useless && r.chance(0.7),
      transactions: transactions && r.chance(0.7),
      holes: holes && r.chance(0.7),
      ahead: unbalanced ? partition * r.pick([20_000, 90_000, 400_000]) : r.pick([0, 0, 0, 4_000]),
      from: partition * 1_000_000,
    }));
  const addedAt = logs.map((_, partition) =>
    added && partition === partitions - 1 ? r.int(1_000, span) : 0
  );
  if (size) faults.push("sizes");
  if (many) faults.push("many windows");
  const fleet = burst ? r.pick([2, 2, 3, 4]) : r.pick(size ? [1, 1, 2] : [0, 1, 2, 2, 4]);
  const fleetMoves = has("fleet moves", tight ? 0.9 : 0.4)
    ? Array.from({ length: r.int(1, 4) }, () => ({
      at: r.int(0, span + 30_000),
      to: r.pick([0, 0, 1, 2, 4]),
      told: r.chance(0.7),
    })).sort((a, b) => a.at - b.at)
    : [];
  const brokerFaults = has("broker faults", 0.7)
    ? Array.from({ length: r.int(1, 3) }, (): BrokerFault => {
      const from = r.int(0, span);
      const kind = r.pick<BrokerFault["kind"]>([
        "down",
        "hang",
        "hang",
        "throttle",
        "move",
        "move",
      ]);
      const lasts = r.int(kind === "hang" ? 5_000 : 200, 40_000);
      return { kind, partition: r.int(0, partitions - 1), from, to: from + lasts };
    })
    : [];
  const resetAt = r.int(2_000, many ? 15_000 : span);
  const reset = has("reset", many ? 0.4 : 0.2)
    ? { at: resetAt, toAt: r.int(0, resetAt - 1) }
    : null;
  const terminatesAll = [{ at: r.int(0, 20_000), kind: "terminateAll" as const, partition: 0 }];
  const deeds = many && r.chance(0.6)
    ? terminatesAll
    : has("deeds", 0.4)
    ? Array.from({ length: r.int(1, 3) }, (): Deed => ({
      at: r.int(0, span + 20_000),
      kind: r.pick([
        "exclude",
        "exclude",
        "skip",
        "accept",
        "terminate",
        "terminateAll",
        "terminateAll",
        "flush",
        "flush",
        "bound",
        "bound",
        "boundOne",
        "tune",
      ]),
      // One more than there are.
      partition: r.int(0, partitions),
    })).sort((a, b) => a.at - b.at)
    : [];
  return {
    mode,
    windowing,
    shards: r.pick([1, 1, 2]),
    latenessMs,
    delayMs: r.pick([0, 3_000, 3_000]),
    idleAfterMs: burst ? 1_500 : r.pick([8_000, 8_000, 4_000, 1_500, 1_500]),
    maxDriftMs: r.pick([3_600_000, 60_000, 20_000]),
    paceMs: r.pick([1_000, 5_000]),
    sliceMs: r.pick(burst ? [300, 500] : [500, 2_000]),
    deliverEveryMs: r.pick([5_000, 5_000, 1_000, null]),
    emitEveryMs: r.chance(size ? 0.7 : 0.08) ? r.pick([1_000, 3_000]) : null,
    maxOpenWindows: tight ? r.int(2, 6) : r.pick([10_000, 10_000, 10_000, 6]),
    logs,
    addedAt,
    fleet,
    fleetMoves,
    temporalAway: pairs(0.25, "temporal away", 60_000),
    unwritable: pairs(size ? 0.8 : 0.2, "results unwritable", 90_000),
    brokerFaults,
    takeoverAt: has("takeover", 0.35) ? r.int(100, span) : null,
    retentionMs: reset === null && has("short retention", 0.3) ? r.int(500, 60_000) : 1e9,
    deeds,
    runActivations: has("long histories", 0.4) ? r.int(10, 60) : 10_000,
    continues: has("continue-as-new", 0.4) ? 0.04 : 0,
    loss: has("losses", 0.6) ? r.pick(size ? [0.03, 0.1, 0.2] : [0.01, 0.03, 0.1]) : 0,
    fails: has("data faults", tight ? 0.6 : 0.15) ? (tight ? 0.15 : 0.03) : 0,
    scalesToZero: r.chance(holes ? 0.6 : 0.25),
    pauses: pairs(0.35, "pauses", 20_000),
    wrong: has("wrong answers", 0.14) ? 0.14 : 0,
    stalls: has("stalls", 0.1) ? 0.03 : 0,
    clockJumps: has("clock jumps", 0.1)
      ? Array.from({ length: r.int(1, 3) }, () => ({
        at: r.int(0, span),
        byMs: r.pick([-3_600_000, -120_000, -3_000, 500, 3_000, 120_000]),
      }))
      : [],
    reset,
    faults,
  };
}

interface LogShape {
  readonly bounded: boolean;
  readonly span: number;
  readonly size: boolean;
  readonly many: boolean;
  readonly burst: boolean;
  readonly poison: number;
  readonly useless: boolean;
  readonly transactions: boolean;
  readonly holes: boolean;
  readonly ahead: number;
  readonly from: number;
}

function drawLog(r: Random, shape: LogShape): LogRecord[] {
  if (r.chance(0.08)) return [];
  const records: LogRecord[] = [];
  const long = shape.size ? "x".repeat(r.pick([8_000, 24_000, 28_000])) : "";
  const keys = Array.from(
    { length: shape.size ? r.int(40, 120) : 3 },
    (_, i) => JSON.stringify([`${i}${long}`]),
  );
  let at = shape.bounded || r.chance(0.2) ? 0 : r.int(0, 3_000);
  let open: number | null = null;
  const count = shape.burst
    ? r.int(60, 150)
    : shape.many
    ? r.int(150, 400)
    : shape.size
    ? r.int(100, 250)
    : r.int(1, 60);
  const step = shape.span / count;
  let time = at;
  for (let i = 0; i < count; i++) {
    if (r.chance(0.05)) time += r.int(8_000, 45_000);
    time += Math.floor(r.next() * 2 * step);
    const lies = shape.bounded || shape.burst;
    if (shape.burst && i > count * 0.8) at += r.int(300, 4_000);
    if (!lies && time > at && !r.chance(0.02)) at = Math.max(at, time);
    const kind = r.chance(shape.poison)
      ? "poison"
      : shape.holes && (r.chance(0.08) || (i > count - 3 && r.chance(0.6)))
      ? "hole"
      : r.chance(shape.useless ? 0.4 : 0.04)
      ? "invalid"
      : r.chance(0.03)
      ? "filtered"
      : "event";
    // What comes after a hole may come long after it.
    const pause = kind === "hole" && !shape.bounded && r.chance(0.5) ? r.int(12_000, 40_000) : 0;
    time += pause;
    at += pause;
    if (open !== null && at >= open) open = null;
    if (shape.transactions && open === null && r.chance(0.15)) open = at + r.int(100, 40_000);
    const aborted = open !== null && r.chance(0.2);
    const behind = r.chance(0.75) ? 0 : r.pick([1_000, 2_500, 4_000, 12_000, 60_000]);
    records.push({
      at,
      visibleAt: open ?? at,
      time: 1_000_000 + time + shape.ahead - behind,
      kind: aborted ? "aborted" : kind,
      key: keys[r.int(0, keys.length - 1)] ?? "",
      value: shape.from + i * 7 + 1,
    });
    if (open !== null && r.chance(0.4)) {
      at = Math.max(at, open);
      open = null;
    }
  }
  return records;
}
