/**
 * What a poll says, as the page shows it: event time, the account, and what is wrong.
 *
 * @module
 */

import type { Fleet } from "../../adapters/launchers/launcher.ts";
import { accountOf } from "../../core/flow/account.ts";
import { lagOf } from "../../core/scaling/load.ts";
import type { Poll, ServerFound } from "./poller.ts";
import type {
  AccountView,
  EventTimeView,
  Mark,
  OpenWindowView,
  PartitionView,
  ProblemView,
  SampleView,
} from "./state.ts";

/** Partitions that are drawn at most: those that hold the watermark, if there are more. */
const LANES = 64;
/** Open windows that are drawn at most, the earliest. */
const WINDOWS = 60;
/** Marks that are drawn at most. */
const MARKS = 40;

/**
 * Event time out of a poll.
 *
 * @param before What was shown before: windows that were not asked this time keep their figures.
 */
export function eventTimeOf(
  poll: Poll,
  before: EventTimeView | null,
  { closed, samples, ends, recentMs }: {
    readonly recentMs: number;
    readonly closed: EventTimeView["closed"];
    readonly samples: readonly SampleView[];
    readonly ends: ReadonlyMap<number, number>;
  },
): EventTimeView {
  return {
    atMs: poll.atMs,
    watermark: poll.clock.watermark,
    partitions: partitionsOf(poll, ends),
    open: windowsOf(poll, before),
    closed,
    marks: marksOf(samples, (poll.clock.watermark ?? -Infinity) - recentMs),
  };
}

function partitionsOf({ drains }: Poll, ends: ReadonlyMap<number, number>): PartitionView[] {
  const views = drains.map((drain): PartitionView => ({
    partition: drain.partition,
    state: drain.held ? "held" : drain.mode,
    watermark: drain.watermark,
    maxEventTime: drain.maxEventTime,
    lag: lagOf({ end: Math.max(drain.end, ends.get(drain.partition) ?? 0), cursor: drain.cursor }),
  }));
  if (views.length <= LANES) return views;
  return views.sort((a, b) => (a.watermark ?? -Infinity) - (b.watermark ?? -Infinity))
    .slice(0, LANES).sort((a, b) => a.partition - b.partition);
}

function windowsOf({ clock, windows }: Poll, before: EventTimeView | null): OpenWindowView[] {
  const known = new Map((before?.open ?? []).map((window) => [window.start, window]));
  const asked = new Map<number, { events: number; cells: number }>();
  for (const { start, cells, pairs } of windows ?? []) {
    const sum = asked.get(start) ?? { events: 0, cells: 0 };
    asked.set(start, { events: sum.events + pairs, cells: sum.cells + cells.length });
  }
  const open = new Map<number, OpenWindowView>();
  for (const { id, start, end, final, fired } of clock.open) {
    if (open.has(start)) continue;
    const { events, cells } = asked.get(start) ?? known.get(start) ?? { events: 0, cells: 0 };
    open.set(start, { start, end, final, events, cells, emitted: fired > 0, id });
  }
  return [...open.values()].sort((a, b) => a.start - b.start).slice(0, WINDOWS);
}

/** Late and skewed events that came when the watermark was not long ago. */
function marksOf(samples: readonly SampleView[], since: number): Mark[] {
  return samples.flatMap(({ kind, eventTime, partition, watermark }) => {
    if (kind === "invalid" || eventTime === null) return [];
    return watermark !== null && watermark < since ? [] : [{ eventTime, kind, partition }];
  }).slice(0, MARKS);
}

/** An account that does not add up so often, although nothing moves, is broken. */
const BROKEN_AFTER = 4;

/** Adds the account up, poll by poll. */
export class AccountMonitor {
  /** The account as last added up; null before the first poll at the windows. */
  view: AccountView | null = null;
  #unsettled = 0;

  /** Adds up. */
  addUp(
    { atMs, drains, clock, windows }: Poll,
    { moving, lag }: { readonly moving: boolean; readonly lag: number },
  ): boolean {
    if (windows === null) return true;
    const account = accountOf(drains, clock.totals, clock.lost, windows);
    const { events, pairs } = account;
    const out = events.aggregated + events.late + events.invalid + events.skewed + events.filtered;
    const placed = pairs.closed + pairs.open + pairs.inDelivery + pairs.missed;
    const addsUp = events.read === out && pairs.assigned === placed;
    this.#unsettled = addsUp || moving ? 0 : this.#unsettled + 1;
    const broken = !account.ok && (addsUp || this.#unsettled >= BROKEN_AFTER);
    const state = account.ok ? "holds" : broken ? "broken" : "moving";
    this.view = { atMs, account, state, lag };
    return addsUp;
  }
}

/** What is looked through for problems. */
export interface ProblemSource {
  /** The last poll; null before the first. */
  readonly poll: Poll | null;
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
    const found = [...serverProblems(source), ...workerProblems(source), ...pollProblems(source)];
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

function pollProblems({ poll }: ProblemSource): Found[] {
  if (poll === null) return [];
  const { drains, clock, supervisor } = poll;
  const { last, noProgress } = supervisor.fleet;
  const of = (partition: number) => `partition ${partition}`;
  return [
    ...drains.flatMap(({ partition, stop, mode, held }): Found[] => {
      if (stop !== null) {
        const text = `${of(partition)} stopped: ${stop.code}: ${stop.message}. No window closes ` +
          "until somebody decides: deno task resume, or deno task exclude";
        return [{ level: "error", what: of(partition), text, sinceMs: stop.sinceMs }];
      }
      if (mode === "excluded") {
        const text = `${of(partition)} is excluded: it is not read`;
        return [{ level: "warning", what: of(partition), text }];
      }
      if (!held) return [];
      const text = `${of(partition)} is held: it is far ahead of the others in event time`;
      return [{ level: "note", what: of(partition), text }];
    }),
    ...clock.lost.map(({ id, why }): Found => (
      { level: "error", what: id, text: `window lost: ${id}: ${why}` }
    )),
    ...noProgress.map(({ partition, sinceMs }): Found => ({
      level: "error",
      what: `progress of partition ${partition}`,
      text: `${of(partition)} makes no progress, although its worker was replaced`,
      sinceMs,
    })),
    ...(last?.inputs.hot ?? []).map((partition): Found => ({
      level: "note",
      what: `load of partition ${partition}`,
      text: `${of(partition)} takes more than one worker folds: more workers do not help it`,
    })),
  ];
}
