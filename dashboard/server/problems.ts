/**
 * What is wrong, or worth knowing: sentences with since when it is so and what to do about it.
 *
 * @module
 */

import type { Fleet } from "../../adapters/launchers/launcher.ts";
import { type DrainPartition, isHollow } from "../../core/flow/dealing.ts";
import { formatInstant } from "../../core/event_time/instants.ts";
import { holdsWatermark, partitionWatermark } from "../../core/event_time/watermark.ts";
import type { RunPlan } from "../../core/plan.ts";
import type { GenerationView, SupervisorView } from "../../workflows/messages.ts";
import { LONG_TRANSACTION_MS } from "./event_time.ts";
import type { ServerFound } from "./servers.ts";
import type { ProblemView } from "./state.ts";

/** Rows that a window has given and that are not written for so long, in ms. */
const UNWRITTEN_MS = 5_000;
/** Of many problems of one kind so many are told one by one. */
const EACH = 8;

/** What is looked through for problems. */
export interface ProblemSource {
  /** The pipeline's plan. */
  readonly plan: RunPlan;
  /** What the drain told last; null before that. */
  readonly view: GenerationView | null;
  /** What the supervisor told last; null before that. */
  readonly supervisor: SupervisorView | null;
  /** The workers; null before the control process is up. */
  readonly fleet: Fleet | null;
  /** How the broker answers. */
  readonly broker: ServerFound;
  /** How Temporal answers. */
  readonly temporal: ServerFound;
  /** Why the control process can't go on; null as long as it can. */
  readonly lost: string | null;
}

type Found = Omit<ProblemView, "sinceMs"> & { readonly sinceMs?: number };

const LEVELS = ["error", "warning", "note"];

/** Finds what is wrong, and remembers since when. */
export class Problems {
  #since = new Map<string, number>();

  /** Looks for problems. */
  find(source: ProblemSource, nowMs: number): ProblemView[] {
    const since = new Map<string, number>();
    const { plan, view, supervisor } = source;
    const found = [
      ...serverProblems(source),
      ...workerProblems(source),
      ...(view === null ? [] : viewProblems(view, plan, nowMs)),
      ...(supervisor === null ? [] : fleetProblems(supervisor)),
    ];
    const problems = found.map(({ sinceMs, ...problem }) => {
      // Texts hold figures that change; what it is about does not.
      const id = `${problem.level} ${problem.what}`;
      const first = sinceMs ?? this.#since.get(id) ?? nowMs;
      since.set(id, first);
      return { ...problem, sinceMs: first };
    });
    this.#since = since;
    return problems.sort((a, b) =>
      LEVELS.indexOf(a.level) - LEVELS.indexOf(b.level) || a.sinceMs - b.sinceMs
    );
  }
}

function serverProblems({ broker, temporal, lost }: ProblemSource): Found[] {
  const away = (what: string, server: ServerFound): Found[] =>
    server.problem === null ? [] : [{
      level: "error",
      what,
      text: `${what} unreachable: ${server.problem}`,
      sinceMs: server.sinceMs,
    }];
  return [
    ...(lost === null ? [] : [{ level: "error", what: "control process", text: lost } as const]),
    ...away("broker", broker),
    ...away("Temporal", temporal),
  ];
}

function workerProblems({ fleet }: ProblemSource): Found[] {
  return (fleet?.slots ?? []).flatMap(({ slot, state, problem }): Found[] => {
    if (problem === null) return [];
    const rest = state === "open" ? "; it failed too often and is left alone for a while" : "";
    return [{
      level: state === "open" ? "error" : "warning",
      what: `worker ${slot}`,
      text: `worker ${slot}: ${problem}${rest}`,
    }];
  });
}

function viewProblems(view: GenerationView, plan: RunPlan, nowMs: number): Found[] {
  const { partitions } = view;
  return [
    ...each(partitions.flatMap(stopped), "partitions are stopped"),
    ...stuck(view),
    ...lost(view),
    ...unwritten(view, plan, nowMs),
    ...each(partitions.flatMap(troubled), "partitions can't be read"),
    ...each(
      partitions.flatMap((p) => transaction(p, nowMs)),
      "partitions wait for the end of a transaction",
    ),
    ...each(partitions.flatMap(suspected), "partitions are read a few records at a time"),
    ...each(partitions.flatMap(excluded), "partitions are excluded"),
    ...each(heldBack(view, plan), "partitions are held back"),
    ...each(partitions.flatMap(hollow), "partitions have nothing to read up to their ends"),
  ];
}

/** The first of many, and how many more. */
function each(found: readonly Found[], words: string): Found[] {
  const [first] = found;
  const more = found.length - EACH;
  if (first === undefined || more <= 0) return [...found];
  const what = `more: ${words}`;
  return [...found.slice(0, EACH), { level: first.level, what, text: `${more} more ${words}` }];
}

function of({ partition }: DrainPartition): string {
  return `partition ${partition}`;
}

function stopped(p: DrainPartition): Found[] {
  if (p.stop === null) return [];
  const { code, message, offset, sinceMs } = p.stop;
  const at = offset === null ? "" : `, offset ${offset}`;
  const text = `${of(p)} stopped${at}: ${code}: ${message}. No window closes until somebody ` +
    "decides: deno task resume, or deno task exclude";
  return [{ level: "error", what: of(p), text, sinceMs }];
}

function excluded(p: DrainPartition): Found[] {
  if (p.mode !== "excluded") return [];
  const text = `${of(p)} is excluded: it is not read from offset ${p.cursor} on. To read it ` +
    "again: deno task resume";
  return [{ level: "warning", what: of(p), text }];
}

function troubled(p: DrainPartition): Found[] {
  if (p.trouble === null || p.stop !== null || p.mode === "excluded") return [];
  const { code, message, sinceMs } = p.trouble;
  const text = `${of(p)} can't be read: ${code}: ${message}. It is tried again by itself, and ` +
    `windows wait for it; see whether its leader at the broker is up`;
  return [{ level: "warning", what: `reading ${of(p)}`, text, sinceMs }];
}

function transaction(p: DrainPartition, nowMs: number): Found[] {
  const open = p.openTransaction;
  if (open === null || p.mode === "excluded") return [];
  if (nowMs - open.sinceMs < LONG_TRANSACTION_MS) return [];
  const text =
    `${of(p)} waits for the end of a transaction that begins at offset ${open.offset}: ` +
    "what comes after it can't be read, and windows wait. Its producer must commit or abort; the " +
    "broker aborts it after the producer's transaction.timeout.ms";
  return [{ level: "warning", what: `transaction in ${of(p)}`, text, sinceMs: open.sinceMs }];
}

function suspected(p: DrainPartition): Found[] {
  const { records, halvings } = p.narrow;
  if (p.stop !== null || (records === null && halvings === 0)) return [];
  const text = records === null
    ? `${of(p)} brings more for a window than it has room for: it is read less at a time; if it ` +
      "does not fit at all it stops with TG_WINDOW_FULL: give the plan shards, or fewer keys"
    : `${of(p)} is read ${records === 1 ? "one record" : `${records} records`} at a time, from ` +
      `offset ${p.cursor}: sweeps of it have failed. A record that fails them is set aside; see ` +
      "the workers' log";
  return [{ level: "warning", what: `sweeps of ${of(p)}`, text }];
}

/** Nobody need do anything as long as the slowest goes on. */
function heldBack({ held, partitions, openWindows }: GenerationView, plan: RunPlan): Found[] {
  const watermarkOf = (p: DrainPartition) => partitionWatermark(p, plan.delayMs) ?? -Infinity;
  const slowest = partitions.filter(holdsWatermark)
    .toSorted((a, b) => watermarkOf(a) - watermarkOf(b))[0];
  const whom = slowest === undefined ? "the slowest" : `partition ${slowest.partition}`;
  return held.map(([partition, by]): Found => ({
    level: "note",
    what: `partition ${partition} held`,
    text: by === "drift"
      ? `partition ${partition} is held: it is farther ahead of ${whom} in event time than ` +
        "maxDrift allows, and goes on when that one has come closer"
      : `partition ${partition} is held: ${openWindows} windows are open, as many as there may ` +
        `be. It goes on when some close; ${whom} holds the watermark`,
  }));
}

function hollow(p: DrainPartition): Found[] {
  if (p.mode === "excluded" || p.mode === "stopped") return [];
  if (!isHollow(p) || p.end <= p.cursor) return [];
  const text = `${of(p)}: nothing is found from offset ${p.cursor} up to its end ${p.end} ` +
    "(markers, or records that compaction took away): it counts as caught up";
  return [{ level: "note", what: `end of ${of(p)}`, text }];
}

function stuck({ stuckBehind, openWindows }: GenerationView): Found[] {
  if (stuckBehind === null) return [];
  const text =
    `TG_TOO_MANY_WINDOWS: ${openWindows} windows are open, as many as there may be, and ` +
    `they wait for partitions that are at their ends: ${stuckBehind.join(", ")}. Close them with ` +
    "deno task run --until-drained --flush";
  return [{ level: "error", what: "open windows", text }];
}

function lost({ lost: { windows, named } }: GenerationView): Found[] {
  const told = named.slice(0, EACH).map(({ start, shard, code, pairs }): Found => ({
    level: "error",
    what: `window ${start}/${shard}`,
    text: `${code}: the window of ${formatInstant(start)} is lost, and ${pairs} events with it; ` +
      "the others are right. To have it back: deno task start --new-generation",
  }));
  const more = windows - told.length;
  if (more <= 0) return told;
  return [...told, { level: "error", what: "lost windows", text: `${more} more windows are lost` }];
}

function unwritten({ open }: GenerationView, plan: RunPlan, nowMs: number): Found[] {
  const waiting = open.filter(({ unwrittenSinceMs }) =>
    unwrittenSinceMs !== null && nowMs - unwrittenSinceMs >= UNWRITTEN_MS
  );
  if (waiting.length === 0) return [];
  const sinceMs = Math.min(...waiting.map(({ unwrittenSinceMs }) => unwrittenSinceMs ?? nowMs));
  const rows = waiting.length === 1 ? "a window" : `${waiting.length} windows`;
  const text = `TG_RESULTS_UNWRITABLE: the rows of ${rows} can't be written to topic ` +
    `${plan.resultsTopic}. They are tried again by themselves: see whether the topic is there and ` +
    "may be written, and whether the broker is up; Temporal keeps them no longer than the " +
    "namespace's retention";
  return [{ level: "error", what: "results", text, sinceMs }];
}

function fleetProblems({ fleet: { last, noProgress } }: SupervisorView): Found[] {
  return [
    ...noProgress.map(({ partition, sinceMs }): Found => ({
      level: "error",
      what: `progress of partition ${partition}`,
      text: `partition ${partition} makes no progress, although its worker was replaced`,
      sinceMs,
    })),
    ...(last?.inputs.hot ?? []).map((partition): Found => ({
      level: "note",
      what: `load of partition ${partition}`,
      text: `partition ${partition} takes more than one worker folds: more workers do not help it`,
    })),
  ];
}
