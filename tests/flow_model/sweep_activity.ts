/**
 * The sweep as the model's workers carry it out: one poll loop a partition over the world's log, with
 * leaders that fail and hang. It folds by a few lines of its own; silence is the real rule.
 *
 * @module
 */

import type { CellWire } from "../../core/fold/aggregates.ts";
import { cellWireBytes } from "../../core/flow/held.ts";
import { heard, lookedOf, NO_SILENCE, type Silence } from "../../core/flow/silence.ts";
import type {
  SweepEnd,
  SweepFailure,
  SweepPartition,
  SweepRequest,
  SweepResult,
  SweptPartition,
} from "../../core/flow/sweep.ts";
import { shardOf, windowOf } from "./scenario.ts";
import type { LogRecord, World } from "./world.ts";

/** A partition while it is swept. */
interface Swept {
  readonly asked: SweepPartition;
  cursor: number;
  max: number | null;
  first: number | null;
  end: number;
  high: number;
  silence: Silence;
  found: boolean;
  hollow: boolean;
  emptySince: number | null;
  openSince: number | null;
  last: { offset: number; timestamp: number } | null;
  failure: SweepFailure | null;
  answered: boolean;
  available: boolean;
  counts: Counts;
}

interface Counts {
  read: number;
  aggregated: number;
  late: number;
  lateByFloor: number;
  invalid: number;
  skewed: number;
  filtered: number;
  assigned: number;
  missed: number;
  failed: number;
}

interface Cells {
  readonly byKey: Map<string, { n: number; sum: number; max: number }>;
  readonly spans: Map<number, [number, number]>;
}

/** What a cell takes beside its key when its numbers are large. */
const FULL_CELL_BYTES = cellWireBytes(["", 1_000, null, [1_000_000_000], 100_000_000]);

/** One attempt at a sweep. */
export class SweepAttempt {
  readonly #world: World;
  readonly #request: SweepRequest;
  readonly #done: (result: SweepResult) => void;
  readonly #die: () => void;
  readonly #began: number;
  readonly #parts: Swept[];
  readonly #cells = new Map<number, Cells>();
  #bytes = 0;
  #folded = 0;
  #over = false;

  constructor(
    world: World,
    request: SweepRequest,
    done: (result: SweepResult) => void,
    die: () => void,
  ) {
    this.#world = world;
    this.#request = request;
    this.#done = done;
    this.#die = die;
    this.#began = world.now;
    this.#parts = request.partitions.map((asked) => ({
      asked,
      cursor: asked.cursor,
      max: asked.maxEventTime,
      first: null,
      end: asked.cursor,
      high: asked.cursor,
      silence: NO_SILENCE,
      found: false,
      hollow: false,
      emptySince: null,
      openSince: null,
      last: asked.last,
      failure: null,
      answered: false,
      available: false,
      counts: {
        read: 0,
        aggregated: 0,
        late: 0,
        lateByFloor: 0,
        invalid: 0,
        skewed: 0,
        filtered: 0,
        assigned: 0,
        missed: 0,
        failed: 0,
      },
    }));
    const { random, scenario } = world;
    for (const part of this.#parts) {
      if (random.chance(scenario.fails)) {
        world.count("data faults");
        part.failure = {
          code: "TG_LOG_DIVERGED",
          message: "another record",
          offset: part.cursor,
          passing: false,
        };
      } else this.#poll(part);
    }
    for (const ms of [request.paceMs, request.quietMs, request.sliceMs]) {
      world.after(ms + 1, () => this.#check());
    }
  }

  /** The attempt is over: its process has died. */
  kill(): void {
    if (!this.#over) this.isKilled = true;
    this.#over = true;
  }

  /** Whether its process has died. */
  isKilled = false;

  #poll(part: Swept): void {
    if (this.#over) return;
    const world = this.#world;
    const { random, scenario } = world;
    const sentAtMs = world.now;
    const left = this.#began + this.#request.quietMs - world.now;
    const waitMs = Math.max(1, Math.min(2_000, Math.floor(left / 3)));
    const { partition } = part.asked;
    const leader = world.leaderOf(partition);
    const answer = (clean: boolean, caughtUp: boolean, moved: boolean) => {
      part.silence = heard(part.silence, {
        sentAtMs,
        answeredAtMs: world.now,
        waitMs,
        leader: leader.name,
        clean,
        caughtUp,
        moved,
      });
    };
    const again = (ms: number) => {
      const stalls = random.chance(scenario.stalls);
      if (stalls) world.count("workers stalled");
      world.after(stalls ? random.int(1_000, 6_000) : ms, () => this.#poll(part));
    };
    if (!leader.up) {
      return world.after(random.int(20, 400), () => {
        world.count("leader down");
        answer(false, false, false);
        again(200);
      });
    }
    if (world.isThrottled(partition)) {
      return world.after(waitMs, () => {
        world.count("throttled");
        answer(false, false, false);
        again(20);
      });
    }
    const rtt = random.int(1, 6);
    if (leader.hangsUntil > world.now) {
      // It answers what it knew, after a while, or never while the sweep lasts.
      const [end, high] = [world.stable(partition), world.highWatermark(partition)];
      return world.after(leader.hangsUntil - world.now + rtt, () => {
        if (this.#over) return;
        world.count("leader hung");
        part.end = Math.max(part.end, end);
        part.high = Math.max(part.high, high);
        answer(true, part.cursor === end && end === high, false);
        this.#check();
        again(20);
      });
    }
    const readable = world.nextVisible(partition, part.cursor);
    const atMs = readable <= world.now ? world.now : Math.min(readable, world.now + waitMs);
    world.after(atMs - world.now + rtt, () => {
      if (this.#over) return;
      part.answered = true;
      const [stable, high] = [world.stable(partition), world.highWatermark(partition)];
      part.end = Math.max(part.end, stable);
      part.high = Math.max(part.high, high);
      const before = part.cursor;
      const had = part.max;
      const read = this.#read(part, stable);
      if (read === "died") return;
      const isEmpty = read === "all" && part.cursor === before && part.cursor < stable &&
        !part.found;
      // The reader remembers over sweeps since when answers have been empty.
      part.emptySince = isEmpty ? world.emptySince(partition, part.cursor) : null;
      part.hollow = (isEmpty && stable === part.asked.hollowTo) ||
        (part.emptySince !== null && world.now - part.emptySince >= 10_000);
      if (part.hollow) world.count("hollow");
      part.openSince = stable < high ? part.openSince ?? world.now : null;
      if (part.openSince !== null) world.count("open transaction");
      const caughtUp = (part.cursor === stable || part.hollow) && stable === high && !part.found;
      answer(true, caughtUp, part.max !== had);
      if (read === "limit") return this.#end("limit");
      this.#check();
      again(random.int(5, 60));
    });
  }

  /** Folds what the answer brought, or as much of it as there is room for; the attempt may die of it. */
  #read(part: Swept, stable: number): "all" | "limit" | "died" {
    const world = this.#world;
    const { partition, until, role } = part.asked;
    const log = world.logs[partition] ?? [];
    const most = world.random.pick([1, 3, 20, 100]);
    const to = Math.min(stable, until ?? Infinity);
    let read = 0;
    part.available = false;
    while (part.cursor < to) {
      let at = part.cursor;
      while (at < to && log[at]?.kind === "hole") at += 1;
      const record = log[at];
      if (record === undefined || at >= to) break;
      if (role === "look") {
        part.found = true;
        return "all";
      }
      if (read >= most) {
        part.available = true;
        break;
      }
      read += 1;
      if (this.#request.setAside && world.random.chance(world.scenario.loss * 3)) {
        world.count("set aside failed");
        this.kill();
        this.#die();
        return "died";
      }
      if (this.#request.setAside) {
        part.cursor = at + 1;
        part.counts.read += 1;
        part.counts.failed += 1;
        world.count("set aside");
        return "limit";
      }
      if (record.kind === "poison") {
        world.count("poison met");
        this.kill();
        this.#die();
        return "died";
      }
      if (!this.#fold(part, record, at)) {
        return "limit";
      }
      part.cursor = at + 1;
      this.#folded += 1;
      const { records } = this.#request.limits;
      if (records !== null && this.#folded >= records) {
        return "limit";
      }
    }
    return "all";
  }

  /** Folds one record; false if there is no room for it any more. */
  #fold(part: Swept, record: LogRecord, offset: number): boolean {
    const { counts } = part;
    const { windowing, latenessMs, delayMs, shards } = this.#world.scenario;
    if (record.kind === "aborted") return true;
    if (record.kind === "invalid") {
      counts.read += 1;
      counts.invalid += 1;
      part.last = { offset, timestamp: record.at };
      return true;
    }
    if (record.kind === "event") {
      const own = part.max === null ? -Infinity : part.max - delayMs;
      const bound = Math.max(own, part.asked.floor ?? -Infinity);
      const { slideMs, sizeMs, offsetMs } = windowing;
      const starts: number[] = [];
      let missed = 0;
      let byFloor = false;
      const last = Math.floor((record.time - offsetMs) / slideMs) * slideMs + offsetMs;
      for (let start = last; start > record.time - sizeMs; start -= slideMs) {
        const final = start + sizeMs + latenessMs;
        if (final > bound) starts.push(start + shardOf(record.key, shards));
        else {
          missed += 1;
          byFloor ||= final > own;
        }
      }
      const grows = starts.reduce((sum, start) => sum + this.#growth(start, record.key), 0);
      const { bytes, windows } = this.#request.limits;
      if (this.#folded > 0 && this.#bytes + grows > bytes) return false;
      if (this.#folded > 0 && this.#cells.size + starts.length > windows) return false;
      this.#bytes += grows;
      for (const start of starts) this.#add(start, part, record, offset);
      counts.read += 1;
      counts.assigned += starts.length + missed;
      counts.missed += missed;
      if (starts.length > 0) counts.aggregated += 1;
      else counts.late += 1;
      if (byFloor) counts.lateByFloor += 1;
    } else {
      counts.read += 1;
      counts.filtered += 1;
    }
    part.first ??= record.time;
    part.max = Math.max(part.max ?? -Infinity, record.time);
    part.last = { offset, timestamp: record.at };
    return true;
  }

  #growth(start: number, key: string): number {
    const cells = this.#cells.get(start);
    if (cells?.byKey.has(key)) return 8;
    // Keys are plain ASCII, with two quotes that are escaped.
    return key.length + 2 + FULL_CELL_BYTES + (cells === undefined ? 80 : 0);
  }

  #add(start: number, part: Swept, record: LogRecord, offset: number): void {
    const cells = this.#cells.get(start) ?? { byKey: new Map(), spans: new Map() };
    this.#cells.set(start, cells);
    const cell = cells.byKey.get(record.key) ?? { n: 0, sum: 0, max: -Infinity };
    cell.n += 1;
    cell.sum += record.value;
    cell.max = Math.max(cell.max, record.value);
    cells.byKey.set(record.key, cell);
    const { partition } = part.asked;
    const [from] = cells.spans.get(partition) ?? [offset];
    cells.spans.set(partition, [from, offset + 1]);
  }

  #check(): void {
    if (this.#over) return;
    const world = this.#world;
    const { boundary, silentMs, paceMs, quietMs, sliceMs } = this.#request;
    const ran = world.now - this.#began;
    const parts = this.#parts;
    if (parts.some((part) => part.found)) return this.#end("record");
    if (parts.every((p) => p.asked.until !== null && (p.cursor >= p.asked.until || p.hollow))) {
      return this.#end("ends");
    }
    const behind = parts.some((part) => part.available);
    if (behind && ran >= sliceMs) return this.#end("limit");
    const { delayMs } = world.scenario;
    const counting = parts.filter(({ asked, max }) =>
      asked.role === "fold" || (asked.role === "join" && max !== asked.maxEventTime)
    ).map(({ asked, max }) =>
      Math.max(max === null ? -Infinity : max - delayMs, asked.floor ?? -Infinity)
    );
    if (!behind && boundary !== null && counting.length > 0 && Math.min(...counting) >= boundary) {
      return this.#end("boundary");
    }
    if (silentMs !== null && parts.every((part) => part.silence.confirmedMs >= silentMs)) {
      return this.#end("silent");
    }
    if (ran >= paceMs && this.#folded > 0) return this.#end("pace");
    if (ran >= quietMs) this.#end("quiet");
  }

  /** The process is told to end: what it has is answered. */
  tell(): void {
    if (!this.#over) this.#end("told");
  }

  #end(why: SweepEnd): void {
    const world = this.#world;
    this.#over = true;
    world.count(`sweep end: ${why}`);
    const windows = [...this.#cells].sort(([a], [b]) => a - b).map(([id, cells]) => {
      const wires = [...cells.byKey].sort(([a], [b]) => a < b ? -1 : 1)
        .map(([key, { n, sum, max }]): CellWire => [key, n, null, [sum], max]);
      return {
        ...windowOf(id),
        cells: wires,
        bytes: wires.reduce((sum, wire) => sum + cellWireBytes(wire), 0),
        spans: [...cells.spans].sort(([a], [b]) => a - b)
          .map(([partition, [from, to]]) => [partition, from, to] as const),
      };
    });
    const ranMs = world.now - this.#began;
    this.#done({
      n: this.#request.n,
      codeHash: this.#request.codeHash,
      why,
      partitions: this.#parts.map((part): SweptPartition => ({
        partition: part.asked.partition,
        from: part.asked.cursor,
        to: part.cursor,
        end: part.end,
        highWatermark: part.high,
        maxEventTime: part.max,
        firstEventTime: part.first,
        counts: part.counts,
        looked: lookedOf(part.silence, world.now),
        found: part.found,
        hollow: part.hollow,
        openTransaction: part.openSince === null
          ? null
          : { forMs: world.now - part.openSince, offset: part.end },
        leaderEpoch: 1,
        last: part.last,
        failure: part.failure ?? (part.answered ? null : {
          code: "TG_KAFKA_UNREACHABLE",
          message: "no answer",
          offset: null,
          passing: true,
        }),
      })),
      windows,
      ranMs,
      busyMs: this.#folded === 0 ? 0 : world.random.chance(0.3) ? ranMs : Math.floor(ranMs / 2),
      attempt: 1,
      worker: "w",
      topicPartitions: world.random.chance(0.1)
        ? null
        : world.scenario.addedAt.filter((at) => at <= world.now).length,
    });
  }
}
