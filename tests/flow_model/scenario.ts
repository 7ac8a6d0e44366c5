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
  readonly kind: "down" | "hang" | "throttle";
  readonly partition: number;
  readonly from: number;
  readonly to: number;
}

/** What a person does. */
export interface Deed {
  readonly at: number;
  readonly kind: "exclude" | "skip" | "accept" | "terminate" | "flush" | "bound";
  readonly partition: number;
}

/** One schedule. */
export interface Scenario {
  readonly mode: "live" | "bounded";
  readonly windowing: Windowing;
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
  /** The kinds of faults in it. */
  readonly faults: readonly string[];
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
  const mode = r.chance(0.7) && !many ? "live" : "bounded";
  const latenessMs = r.pick([0, 0, 15_000]);
  const size = !many && r.chance(0.12);
  const partitions = size ? r.int(1, 2) : r.pick([1, 2, 2, 3, 3, 4]);
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
        return [from, from + r.int(200, longest)] as const;
      })
      : [];
  const poison = has("poison", 0.08);
  const useless = has("useless records", 0.12);
  const transactions = has("transactions", 0.15);
  const holes = has("holes", 0.1);
  const added = mode === "live" && partitions > 1 && has("partitions added", 0.12);
  const unbalanced = has("unbalanced", 0.15);
  const logs = Array.from({ length: partitions }, (_, partition) =>
    drawLog(r, {
      bounded: mode === "bounded",
      span,
      size,
      many,
      poison: poison ? r.pick([0, 0.05, 0.05, 0.5]) : 0,
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
  const fleet = r.pick([0, 1, 1, 2, 4]);
  const fleetMoves = has("fleet moves", 0.3)
    ? Array.from({ length: r.int(1, 4) }, () => ({
      at: r.int(0, span + 30_000),
      to: r.pick([0, 0, 1, 2, 4]),
      told: r.chance(0.7),
    })).sort((a, b) => a.at - b.at)
    : [];
  const brokerFaults = has("broker faults", 0.3)
    ? Array.from({ length: r.int(1, 3) }, (): BrokerFault => {
      const from = r.int(0, span);
      return {
        kind: r.pick(["down", "hang", "throttle"]),
        partition: r.int(0, partitions - 1),
        from,
        to: from + r.int(200, 40_000),
      };
    })
    : [];
  const resetAt = r.int(2_000, span);
  const reset = has("reset", 0.04) ? { at: resetAt, toAt: r.int(0, resetAt - 1) } : null;
  const deeds = has("deeds", 0.3)
    ? Array.from({ length: r.int(1, 3) }, (): Deed => ({
      at: r.int(0, span + 20_000),
      kind: r.pick([
        "exclude",
        "exclude",
        "skip",
        "accept",
        "terminate",
        "flush",
        "bound",
        "bound",
      ]),
      partition: r.int(0, partitions - 1),
    })).sort((a, b) => a.at - b.at)
    : [];
  return {
    mode,
    windowing,
    latenessMs,
    delayMs: r.pick([0, 3_000, 3_000]),
    idleAfterMs: r.pick([8_000, 8_000, 4_000]),
    maxDriftMs: r.pick([3_600_000, 60_000, 20_000]),
    paceMs: r.pick([1_000, 5_000]),
    sliceMs: r.pick([500, 2_000]),
    deliverEveryMs: r.pick([5_000, 5_000, 1_000, null]),
    emitEveryMs: r.chance(0.08) ? 3_000 : null,
    maxOpenWindows: r.pick([10_000, 10_000, 10_000, 6]),
    logs,
    addedAt,
    fleet,
    fleetMoves,
    temporalAway: pairs(0.25, "temporal away", 60_000),
    unwritable: pairs(0.2, "results unwritable", 90_000),
    brokerFaults,
    takeoverAt: has("takeover", 0.3) ? r.int(100, span) : null,
    retentionMs: reset === null && has("short retention", 0.2) ? r.int(500, 60_000) : 1e9,
    deeds,
    runActivations: has("long histories", 0.4) ? r.int(10, 60) : 10_000,
    continues: has("continue-as-new", 0.35) ? 0.03 : 0,
    loss: has("losses", 0.6) ? r.pick([0.01, 0.03, 0.1]) : 0,
    fails: has("data faults", 0.12) ? 0.03 : 0,
    reset,
    faults,
  };
}

interface LogShape {
  readonly bounded: boolean;
  readonly span: number;
  readonly size: boolean;
  readonly many: boolean;
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
  const keys = shape.size ? r.int(20, 90) : 3;
  let at = shape.bounded || r.chance(0.2) ? 0 : r.int(0, 3_000);
  let open: number | null = null;
  const count = shape.many ? r.int(150, 400) : shape.size ? r.int(100, 250) : r.int(1, 60);
  const step = shape.span / count;
  let time = at;
  for (let i = 0; i < count; i++) {
    if (r.chance(0.05)) time += r.int(8_000, 45_000);
    time += Math.floor(r.next() * 2 * step);
    if (!shape.bounded && time > at && !r.chance(0.02)) at = Math.max(at, time);
    const kind = r.chance(shape.poison)
      ? "poison"
      : shape.holes && (r.chance(0.05) || (i > count - 3 && r.chance(0.6)))
      ? "hole"
      : r.chance(shape.useless ? 0.4 : 0.04)
      ? "invalid"
      : r.chance(0.03)
      ? "filtered"
      : "event";
    if (open !== null && at >= open) open = null;
    if (shape.transactions && open === null && r.chance(0.15)) open = at + r.int(100, 40_000);
    const aborted = open !== null && r.chance(0.2);
    const behind = r.chance(0.75) ? 0 : r.pick([1_000, 2_500, 4_000, 12_000, 60_000]);
    records.push({
      at,
      visibleAt: open ?? at,
      time: 1_000_000 + time + shape.ahead - behind,
      kind: aborted ? "aborted" : kind,
      key: JSON.stringify([`${r.int(1, keys)}${long}`]),
      value: shape.from + i * 7 + 1,
    });
    if (open !== null && r.chance(0.4)) {
      at = Math.max(at, open);
      open = null;
    }
  }
  return records;
}
