/**
 * What must hold: after each activation, and at the end of a schedule, against a recomputation that
 * shares no code with what is tested.
 *
 * @module
 */

import type { Decision, Drain } from "../../core/flow/drain.ts";
import type { SweepPartition } from "../../core/flow/sweep.ts";
import { lagOf } from "../../core/flow/dealing.ts";
import { auditOf, lookAtDrain } from "../../core/flow/audit.ts";
import type { Message, Watcher } from "./host.ts";
import { idOf, shardOf, windowOf } from "./scenario.ts";
import type { Windows } from "./settle_activity.ts";
import { Violation, type World } from "./world.ts";

/** A run of offsets that was folded and taken. */
interface Segment {
  readonly from: number;
  readonly to: number;
  readonly floor: number | null;
  readonly setAside: boolean;
}

interface Before {
  readonly watermark: number | null;
  readonly refusedRoom: number;
  readonly runOnFrom: number | null;
  readonly modes: ReadonlyMap<number, string>;
  readonly asked: ReadonlyMap<number, ReadonlyMap<number, SweepPartition>>;
  readonly setAside: ReadonlySet<number>;
}

/** How long after it was appended a record may lie unread when its partition becomes idle. */
const UNSEEN_MS = 4_500;
/** What a leader that hangs may add to a silence. */
const TOLERANCE_MS = 1_100;

/** Watches a schedule. */
export class Checks implements Watcher {
  readonly #world: World;
  readonly segments: Segment[][];
  readonly skipped: [number, number][][];
  #before: Before | undefined;
  #runOnSince = 0;
  #idles = 0;
  touched = false;
  flushed = false;
  wasReset = false;
  lost = new Set<number>();

  readonly #windows: Windows;

  constructor(world: World, windows: Windows) {
    this.#world = world;
    this.#windows = windows;
    this.segments = world.logs.map(() => []);
    this.skipped = world.logs.map(() => []);
  }

  /** What is known so far, to be gone back to with the drain. */
  save(): () => void {
    const segments = this.segments.map((some) => [...some]);
    const skipped = this.skipped.map((some) => [...some]);
    return () => {
      this.wasReset = true;
      for (const [i, some] of segments.entries()) this.segments[i] = some;
      for (const [i, some] of skipped.entries()) this.skipped[i] = some;
    };
  }

  before(drain: Drain): void {
    const snapshot = drain.snapshot();
    const out = drain.sweepsOut;
    this.#before = {
      watermark: drain.watermark,
      refusedRoom: drain.refused.room,
      runOnFrom: snapshot.runOnFrom,
      modes: new Map(drain.partitions.map((p) => [p.partition, p.mode])),
      asked: new Map(
        out.map((s) => [s.n, new Map(s.partitions.map((p) => [p.partition, p]))]),
      ),
      setAside: new Set(out.filter((s) => s.setAside).map((s) => s.n)),
    };
  }

  after(drain: Drain, messages: readonly Message[], decision: Decision): void {
    const before = this.#before;
    if (before === undefined) return;
    const idles = messages.length === 0 && decision.commands.length === 0;
    this.#idles = idles ? this.#idles + 1 : 0;
    if (this.#idles > 50) throw new Violation("it decides again and again that nothing follows");
    this.#noteSegments(drain, before, messages);
    this.#time(drain, before);
    this.#sizes(drain, decision);
    this.#account(drain);
    for (const window of drain.windows.lost.named) this.lost.add(idOf(window));
    const isLarge = this.#world.scenario.faults.includes("sizes");
    const full = drain.partitions.some((p) => p.stop?.code === "TG_WINDOW_FULL");
    if (drain.refused.room > before.refusedRoom) this.#world.count("sizes refused");
    if (!isLarge && (full || drain.refused.room > 0)) throw new Violation("small windows are full");
    if (this.#world.random.chance(0.05)) this.#audit(drain);
    const { refused } = drain;
    for (const why of ["complete", "shape"] as const) {
      if (refused[why] > 0 && this.#world.scenario.wrong === 0) {
        throw new Violation(`a result was refused: ${why}`);
      }
    }
  }

  #noteSegments(drain: Drain, before: Before, messages: readonly Message[]): void {
    const now = new Map(drain.partitions.map((p) => [p.partition, p]));
    const done = new Set<number>();
    for (const message of messages) {
      if (message.kind !== "swept" || done.has(message.result.n)) continue;
      const { result } = message;
      const asked = before.asked.get(result.n);
      if (asked === undefined) continue;
      const taken = result.partitions.filter((p) => now.get(p.partition)?.lastSweep === result.n);
      if (taken.length === 0) {
        this.#world.count("results not taken");
        continue;
      }
      if (taken.length !== result.partitions.length) {
        throw new Violation(`result ${result.n} was taken in part`);
      }
      done.add(result.n);
      for (const p of result.partitions) {
        const role = asked.get(p.partition)?.role ?? "look";
        this.#world.count(`taken ${role}${p.to > p.from ? "" : " empty"}`);
        if (p.to === p.from) continue;
        this.segments[p.partition]?.push({
          from: p.from,
          to: p.to,
          floor: asked.get(p.partition)?.floor ?? null,
          setAside: before.setAside.has(result.n),
        });
      }
    }
    for (const p of drain.partitions) this.skipped[p.partition] = p.skipped.map(([a, b]) => [a, b]);
  }

  #time(drain: Drain, before: Before): void {
    const world = this.#world;
    const { scenario } = world;
    const { watermark } = drain;
    const was = before.watermark ?? -Infinity;
    if ((watermark ?? -Infinity) < was) throw new Violation("the watermark goes back");
    const runOnFrom = drain.snapshot().runOnFrom;
    if (runOnFrom !== before.runOnFrom) this.#runOnSince = world.now;
    for (const p of drain.partitions) {
      const own = p.maxEventTime === null ? -Infinity : p.maxEventTime - scenario.delayMs;
      const bound = Math.max(own, p.floor ?? -Infinity);
      const holds = p.mode === "active" || p.mode === "stopped";
      if (holds && watermark !== null && bound < watermark && !this.flushed) {
        throw new Violation(
          `the watermark ${watermark} is past partition ${p.partition}: ${bound}`,
        );
      }
      if (p.mode !== "idle" || p.until !== null) continue;
      const unread = this.#firstUnread(p.partition, p.cursor, p.maxEventTime);
      if (before.modes.get(p.partition) === "active") {
        world.count("became idle");
        if (unread <= world.now - UNSEEN_MS) {
          throw new Violation(
            `partition ${p.partition} is idle with a record since ${unread}, now ${world.now}`,
          );
        }
        const silent = Math.min(unread, world.now) - this.#lastMoved(p.partition, p.cursor);
        if (silent < scenario.idleAfterMs - TOLERANCE_MS) {
          throw new Violation(`partition ${p.partition} is idle after ${silent} ms`);
        }
      }
      if (runOnFrom === null || before.runOnFrom !== runOnFrom || watermark === null) continue;
      if (watermark <= was || this.flushed) continue;
      world.count("ran on");
      const ran = Math.min(unread, world.now) - this.#runOnSince;
      if (watermark - runOnFrom > ran + TOLERANCE_MS) {
        throw new Violation(`ran on by ${watermark - runOnFrom} ms, seen ${ran} of ${p.partition}`);
      }
      const single = drain.sweepsOut.length <= 1 && scenario.loss === 0 && scenario.fleet === 1 &&
        scenario.fleetMoves.length === 0 && scenario.brokerFaults.length === 0;
      if (single && unread <= world.now - UNSEEN_MS) {
        throw new Violation(`ran on past a record that lies since ${world.now - unread} ms`);
      }
    }
  }

  /** When the first record was appended that lies unread and moves its partition's time. */
  #firstUnread(partition: number, cursor: number, max: number | null): number {
    const log = this.#world.logs[partition] ?? [];
    for (let i = cursor; i < log.length; i++) {
      const record = log[i];
      if (record === undefined || record.at > this.#world.now) break;
      if (record.kind !== "event" && record.kind !== "filtered") continue;
      if (record.time > (max ?? -Infinity)) return record.at;
    }
    return Infinity;
  }

  /** When the last record could be read that moved its partition's time. */
  #lastMoved(partition: number, cursor: number): number {
    const log = this.#world.logs[partition] ?? [];
    let max = -Infinity;
    let at = this.#world.scenario.addedAt[partition] ?? 0;
    for (const [offset, record] of log.slice(0, cursor).entries()) {
      if (this.skipped[partition]?.some(([from, to]) => offset >= from && offset < to)) continue;
      if ((record.kind !== "event" && record.kind !== "filtered") || record.time <= max) continue;
      max = record.time;
      at = Math.max(at, record.visibleAt);
    }
    return at;
  }

  #sizes(drain: Drain, decision: Decision): void {
    const held = new Map<number, number>();
    for (const sweep of drain.sweepsOut) {
      for (const p of sweep.partitions) {
        if (held.has(p.partition)) throw new Violation(`partition ${p.partition} is in two sweeps`);
        held.set(p.partition, sweep.n);
      }
      const joins = sweep.partitions.some((p) => p.role === "join");
      if (joins && drain.sweepsOut.length > 1) throw new Violation("a join beside other sweeps");
      if (joins) this.#world.count("sweeps with joins");
    }
    if (drain.sweepsOut.length > 1) this.#world.count("sweeps side by side");
    let bytes = 0;
    for (const command of decision.commands) {
      if (command.kind !== "settle") continue;
      const size = JSON.stringify(command.calls).length;
      bytes += size;
      this.#world.count(
        command.calls.some((c) => c.call.watermark !== null) ? "settles" : "delivers",
      );
      for (const { call } of command.calls) {
        if (call.cells === null) this.#world.count("calls without cells");
        if (call.early) this.#world.count("early settles");
      }
      if (command.calls.length > 16) throw new Violation("too many calls in one activity");
      if (size > 600 * 1024) throw new Violation(`an activity's input of ${size}`);
    }
    if (bytes > 2 * 1024 * 1024) throw new Violation(`commands of ${bytes}`);
    if (drain.windows.carriedBytes > 1024 * 1024) {
      throw new Violation(`${drain.windows.carriedBytes} bytes carried`);
    }
    for (const by of drain.held.values()) this.#world.count(`held by ${by}`);
    for (const p of drain.partitions) {
      const most = Math.max(0, p.end - p.cursor);
      const isCaughtUp = p.hollowTo !== null && p.hollowTo >= p.end;
      const lag = lagOf(p);
      if (lag < 0 || lag > most || (isCaughtUp && lag > 0)) throw new Violation(`a lag of ${lag}`);
      if (p.narrow.records !== null) this.#world.count("narrowed to records");
      if (p.narrow.halvings > 0) this.#world.count("narrowed to bytes");
      if (p.narrow.group > 0) this.#world.count("suspected");
    }
  }

  #account(drain: Drain): void {
    let assigned = 0;
    let missed = 0;
    for (const { totals: t, partition } of drain.partitions) {
      assigned += t.assigned;
      missed += t.missed;
      const out = t.aggregated + t.late + t.invalid + t.skewed + t.filtered + t.failed;
      if (t.read !== out) throw new Violation(`partition ${partition}: read ${t.read}, out ${out}`);
    }
    const { closed, lost } = drain.windows;
    if (drain.isDrained && drain.stuckBehind !== null) throw new Violation("drained and stuck");
    const looks = drain.windows.look();
    const few = drain.windows.look(2);
    if (looks.length !== drain.windows.size) throw new Violation("a look misses windows");
    if (JSON.stringify(few) !== JSON.stringify(looks.slice(0, 2))) {
      throw new Violation("the first windows are others");
    }
    const open = looks.filter((w) => w.broken === null)
      .reduce((sum, window) => sum + window.pairs + window.waiting, 0);
    const placed = closed.pairs + lost.pairs + open + missed;
    if (assigned !== placed) {
      throw new Violation(
        `assigned ${assigned}, placed ${placed}: closed ${closed.pairs}, lost ${lost.pairs}, open ${open}, missed ${missed}`,
      );
    }
  }

  /** What the drain says of its windows must be what they say, also while calls are under way. */
  #audit(drain: Drain): void {
    if (this.wasReset) return;
    this.#world.count("audits");
    const look = lookAtDrain(drain);
    const windows = look.windows.flatMap(({ start, shard }) => {
      const says = this.#windows.says(idOf({ start, shard }));
      return says === undefined ? [] : [{ start, shard, ...says }];
    });
    const { problems } = auditOf(look, { windows, rows: null, side: null });
    const unfounded = problems.filter((problem) =>
      !/stopped:|skipped/.test(problem) &&
      !(this.#world.gone.size > 0 && /windows are lost/.test(problem)) &&
      ![...this.#world.gone].some((id) => problem.includes(`window ${windowOf(id).start}`))
    );
    if (unfounded.length > 0) throw new Violation(`audit: ${unfounded}`);
  }

  /** The end of a schedule: the results topic against a recomputation. */
  end(drain: Drain, isComplete: boolean): void {
    const world = this.#world;
    const expected = this.#contents(true);
    const { lost } = this;
    const unfounded = [...lost].filter((start) => !world.gone.has(start));
    if (unfounded.length > 0 && !this.wasReset) throw new Violation(`lost windows: ${unfounded}`);
    if (lost.size > 0) world.count("windows lost");
    const last = new Map<number, typeof world.rows[number]>();
    const largest = new Map<number, typeof world.rows[number]>();
    const revisions = new Map<number, Set<number>>();
    for (const rows of world.rows) {
      last.set(rows.window, rows);
      const known = largest.get(rows.window);
      if (known === undefined || rows.revision > known.revision) largest.set(rows.window, rows);
      const set = revisions.get(rows.window) ?? new Set();
      revisions.set(rows.window, set.add(rows.revision));
    }
    for (const [start, rows] of largest) {
      if (lost.has(start)) continue;
      if (last.get(start)?.revision !== rows.revision) {
        throw new Violation(
          `the topic keeps revision ${
            last.get(start)?.revision
          } of window ${start}, not ${rows.revision}`,
        );
      }
      if (revisions.get(start)?.size !== rows.revision + 1) {
        throw new Violation(`window ${start} skips a revision: ${[...revisions.get(start) ?? []]}`);
      }
      if (!expected.has(start) && !this.wasReset) {
        throw new Violation(`rows too many: window ${start}`);
      }
    }
    if (isComplete) {
      // Only so many lost windows are kept by name; the others are known by their number.
      const { windows, named } = drain.windows.lost;
      let unnamed = windows - named.length;
      for (const [start, want] of expected) {
        if (lost.has(start)) continue;
        const got = largest.get(start);
        if (got === undefined && unnamed > 0 && (world.gone.has(start) || this.wasReset)) {
          unnamed -= 1;
          continue;
        }
        if (got === undefined) throw new Violation(`no rows of window ${start}`);
        // One that was lost without a name after a reset has its rows from before.
        if (unnamed > 0 && this.wasReset && !holds(got.text, want)) {
          unnamed -= 1;
          continue;
        }
        if (!got.final && unnamed > 0 && (world.gone.has(start) || this.wasReset)) {
          unnamed -= 1;
          continue;
        }
        if (!got.final) throw new Violation(`the last rows of window ${start} are not final`);
        compare(start, got.text, want);
      }
    }
    const late = Object.values(drain.lateByFloor).reduce((sum, n) => sum + n, 0);
    if (late === 0) {
      if (!isSame(this.#contents(false), expected)) {
        throw new Violation("not reproducible though lateByFloor is 0");
      }
    } else world.count("late by floor");
    for (const [partition, segments] of this.segments.entries()) {
      for (const { setAside, to } of segments) {
        if (!setAside || world.logs[partition]?.[to - 1]?.kind === "poison") continue;
        const { loss, fleetMoves } = world.scenario;
        if (loss === 0 && fleetMoves.length === 0) {
          throw new Violation("a sound record is set aside");
        }
      }
    }
  }

  /** What each window must hold, by the log, the taken runs of offsets, and the floors. */
  #contents(withFloors: boolean): Contents {
    const { logs, scenario } = this.#world;
    const { sizeMs, slideMs, offsetMs } = scenario.windowing;
    const contents: Contents = new Map();
    for (const [partition, log] of logs.entries()) {
      let max = -Infinity;
      let at = 0;
      const gaps = this.skipped[partition] ?? [];
      for (const { from, to, floor, setAside } of this.segments[partition] ?? []) {
        if (from < at) {
          throw new Violation(`I1: partition ${partition} folds ${from} again, was at ${at}`);
        }
        let reached = at;
        for (const [a, b] of gaps) if (a <= reached) reached = Math.max(reached, b);
        if (from > at && reached < from) {
          throw new Violation(
            `I1: partition ${partition} passes over [${at}, ${from}), skipped ${
              JSON.stringify(gaps)
            }`,
          );
        }
        at = to;
        if (setAside) continue;
        for (let offset = from; offset < to; offset++) {
          const record = log[offset];
          if (record === undefined) throw new Violation("past the end of the log");
          if (record.kind === "poison") throw new Violation("a poison record was folded");
          if (record.kind !== "event" && record.kind !== "filtered") continue;
          const own = max - scenario.delayMs;
          const bound = withFloors ? Math.max(own, floor ?? -Infinity) : own;
          max = Math.max(max, record.time);
          if (record.kind === "filtered") continue;
          const first = Math.ceil((record.time - sizeMs - offsetMs + 1) / slideMs) * slideMs +
            offsetMs;
          for (let start = first; start <= record.time; start += slideMs) {
            if (start + sizeMs + scenario.latenessMs <= bound) continue;
            const id = idOf({ start, shard: shardOf(record.key, scenario.shards) });
            const cells = contents.get(id) ?? new Map();
            contents.set(id, cells);
            const [n, sum, most] = cells.get(record.key) ?? [0, 0, -Infinity];
            cells.set(record.key, [n + 1, sum + record.value, Math.max(most, record.value)]);
          }
        }
      }
    }
    return contents;
  }
}

type Contents = Map<number, Map<string, [n: number, sum: number, max: number]>>;

function isSame(some: Contents, other: Contents): boolean {
  return some.size === other.size && [...some].every(([start, cells]) => {
    const others = other.get(start);
    return others?.size === cells.size && [...cells].every(([key, values]) => {
      const same = others.get(key);
      return values.every((value, i) => value === same?.[i]);
    });
  });
}

/** The cells of rows as a text, to be compared. */
function shown(cells: ReadonlyMap<string, readonly number[]>): string {
  return JSON.stringify([...cells].map(([key, values]) => [key.slice(0, 12), values]).sort());
}

function cellsIn(text: string): string {
  const [, , , cells]: [unknown, unknown, unknown, [string, number, null, number[], number][]] =
    JSON.parse(text);
  return shown(
    new Map(cells.map(([key, n, , sums, max]) => [
      key,
      [n, sums.reduce((sum, part) => sum + part, 0), max],
    ])),
  );
}

/** Whether rows hold what they must. */
function holds(text: string, want: ReadonlyMap<string, readonly number[]>): boolean {
  return cellsIn(text) === shown(want);
}

function compare(start: number, text: string, want: ReadonlyMap<string, readonly number[]>): void {
  if (holds(text, want)) return;
  throw new Violation(
    `window ${start} holds ${cellsIn(text).slice(0, 300)}, must hold ${shown(want).slice(0, 300)}`,
  );
}
