/**
 * The settle activity as the model's control processes carry it out: calls of windows by
 * update-with-start, and rows through the process's one writer. Attempts outlive their timeouts,
 * processes are paused, requests and answers are lost. The windows' rules are the real ones.
 *
 * @module
 */

import {
  type CallAnswer,
  callId,
  type SettleOutcome,
  type WindowCall,
} from "../../core/flow/delivery.ts";
import { Window, type WindowRules } from "../../core/flow/window.ts";
import { AGGREGATES, idOf } from "./scenario.ts";
import { type ControlProcess, Violation, type World } from "./world.ts";

/** What Temporal keeps of a window workflow. */
interface Kept {
  window: Window;
  closedAt: number | null;
  /** Outcomes of updates, of the current run only. */
  updates: Map<string, CallAnswer>;
  terminated: boolean;
}

/** How long an attempt may stay silent. */
const HEARTBEAT_MS = 3_000;

/** All windows, as Temporal keeps them. */
export class Windows {
  readonly #world: World;
  readonly #kept = new Map<number, Kept>();

  constructor(world: World) {
    this.#world = world;
  }

  /** The window workflow, where Temporal remembers it. */
  find(id: number): Kept | undefined {
    const kept = this.#kept.get(id);
    const { retentionMs } = this.#world.scenario;
    if (kept === undefined || kept.closedAt === null) return kept;
    if (this.#world.now <= kept.closedAt + retentionMs) return kept;
    this.#world.count("windows forgotten");
    this.#world.gone.add(id);
    this.#kept.delete(id);
    return undefined;
  }

  /** A person terminates one that is open, or all. */
  terminate(all: boolean): void {
    for (const [id, kept] of this.#kept) {
      if (kept.closedAt !== null) continue;
      this.#world.gone.add(id);
      this.#world.count("windows terminated");
      kept.closedAt = this.#world.now;
      kept.terminated = true;
      if (!all) return;
    }
  }

  /** Update-with-start, USE_EXISTING, REJECT_DUPLICATE; null where the id is taken by a closed one. */
  call(of: WindowCall): CallAnswer {
    const { start, call } = of;
    const id = idOf(of);
    const world = this.#world;
    const { windowing, latenessMs, continues } = world.scenario;
    let kept = this.find(id);
    if (kept === undefined) {
      kept = {
        window: new Window(this.#rules(start + windowing.sizeMs, latenessMs)),
        closedAt: null,
        updates: new Map(),
        terminated: false,
      };
      this.#kept.set(id, kept);
    }
    if (kept.closedAt === null && kept.window.n > 0 && world.random.chance(continues * 2)) {
      world.count("windows continued as new");
      const state = JSON.parse(JSON.stringify(kept.window.snapshot()));
      kept.window = new Window(this.#rules(start + windowing.sizeMs, latenessMs), state);
      kept.updates = new Map();
    }
    const update = callId(call);
    const known = kept.updates.get(update);
    if (known !== undefined) {
      world.count("updates known");
      return known;
    }
    if (kept.closedAt !== null) {
      world.count("updates of closed windows");
      return { kind: "lost", pairs: kept.window.pairs, bytes: kept.window.bytes };
    }
    const before = kept.window.n;
    const answer = kept.window.call(
      world.random.chance(0.1) ? JSON.parse(JSON.stringify(call)) : call,
    );
    world.count(
      `window answers ${answer.kind}${kept.window.n === before && before > 0 ? " again" : ""}`,
    );
    kept.updates.set(update, answer);
    this.#check(start + windowing.sizeMs, call, answer);
    if (kept.window.isComplete || kept.window.isNew) kept.closedAt = world.now;
    return answer;
  }

  /** What it says for `audit`, where Temporal remembers it. */
  says(id: number): { readonly n: number; readonly held: Window["held"] } | undefined {
    const window = this.find(id)?.window;
    return window === undefined ? undefined : { n: window.n, held: window.held };
  }

  /** Rows are emitted when they are due, sorted, and only where there is something to say. */
  #check(endMs: number, call: WindowCall["call"], answer: CallAnswer): void {
    if (answer.kind === "full") throw new Violation("a window is full though the drain found room");
    const isDue = call.watermark !== null && (call.watermark >= endMs || call.early === true);
    if (call.watermark !== null && !isDue) throw new Violation("a settle that is not due");
    if (call.early && this.#world.scenario.emitEveryMs === null) throw new Violation("early rows");
    if (answer.kind === "taken" && isDue && (call.cells?.length ?? 0) > 0) {
      throw new Violation("a settle with cells emits nothing");
    }
    if (answer.kind !== "emitted") return;
    if (!isDue) throw new Violation("rows without a settle");
    if (answer.cells.length === 0) throw new Violation("an emission without rows");
    const keys = answer.cells.map(([key]) => key);
    if (keys.some((key, i) => i > 0 && key <= (keys[i - 1] ?? ""))) {
      throw new Violation("rows are not sorted");
    }
  }

  #rules(endMs: number, latenessMs: number): WindowRules {
    return { aggregates: AGGREGATES, endMs, latenessMs };
  }
}

/** One settle activity, with all its attempts. */
export class SettleActivity {
  readonly #world: World;
  readonly #windows: Windows;
  readonly #calls: readonly WindowCall[];
  readonly #done: (outcomes: readonly SettleOutcome[] | null) => void;
  #over = false;
  #attempt = 0;

  constructor(
    world: World,
    windows: Windows,
    calls: readonly WindowCall[],
    done: (outcomes: readonly SettleOutcome[] | null) => void,
  ) {
    this.#world = world;
    this.#windows = windows;
    this.#calls = calls;
    this.#done = done;
    world.after(world.latency(), () => this.#try());
  }

  /** The run that began it has ended; its attempts go on all the same. */
  abandon(): void {
    this.#over = true;
  }

  #try(): void {
    if (this.#over) return;
    const world = this.#world;
    const { random, scenario } = world;
    this.#attempt += 1;
    const attempt = this.#attempt;
    if (attempt > 3 && random.chance(0.4)) {
      this.#over = true;
      world.count("settles failed");
      return this.#done(null);
    }
    const which = random.chance(0.85) ? world.owner : random.int(0, 1);
    const process = world.processes[which];
    if (process === undefined || process.epoch === 0) {
      this.#attempt -= 1;
      return world.after(100, () => this.#try());
    }
    const timeoutMs = random.chance(0.9) ? HEARTBEAT_MS : random.int(50, 500);
    world.after(timeoutMs + random.int(0, 20), () => {
      if (this.#over || this.#attempt !== attempt) return;
      world.count("settle attempts timed out");
      this.#try();
    });
    const outcomes: SettleOutcome[] = [];
    let left = this.#calls.length;
    let dead = false;
    let waiting: [WindowCall, CallAnswer][] = [];
    const isLost = () => random.chance(scenario.loss);
    const done = (more: readonly SettleOutcome[], calls: number) => {
      outcomes.push(...more);
      left -= calls;
      if (left > 0 || dead) return;
      this.#in(process, world.latency(), () =>
        world.throughTemporal(() => {
          if (this.#over || this.#attempt !== attempt) return world.count("zombie attempts");
          this.#over = true;
          this.#done(random.chance(scenario.wrong) ? this.#wrong(outcomes) : outcomes);
        }));
    };
    const write = () => {
      if (dead) return;
      if (random.chance(scenario.loss / 3)) {
        dead = true;
        return world.count("processes died before writing");
      }
      const answered = waiting;
      waiting = [];
      this.#write(process, answered, (more) => {
        if (random.chance(scenario.loss / 3)) {
          dead = true;
          return world.count("processes died after writing");
        }
        done(more, answered.length);
      });
    };
    // What is answered after a moment is written, the rest follows.
    const got = (call: WindowCall, answer: CallAnswer) => {
      if (waiting.length === 0) this.#in(process, 50, write);
      waiting.push([call, answer]);
    };
    const ask = (call: WindowCall, tries: number) => {
      const again = (what: string) => {
        world.count(what);
        if (tries >= 4) return done([], 1);
        this.#in(process, 300 * tries, () => ask(call, tries + 1));
      };
      if (isLost()) return again("calls lost");
      world.after(world.latency(), () => {
        const answer = this.#windows.call(call);
        if (isLost()) return again("answers lost");
        this.#in(process, world.latency(), () => got(call, answer));
      });
    };
    for (const call of this.#calls) this.#in(process, world.latency(), () => ask(call, 1));
  }

  /** An answer with outcomes that belong to nothing. */
  #wrong(outcomes: readonly SettleOutcome[]): SettleOutcome[] {
    this.#world.count("wrong answers of settles");
    const other = outcomes.map((o) => ({ ...o, n: o.n + 1 }));
    const nowhere = outcomes.map((o) => ({ ...o, start: o.start + 1e9 }));
    return this.#world.random.pick([
      [...outcomes, ...outcomes],
      [...other, ...outcomes],
      [...nowhere, ...outcomes],
      other,
    ]);
  }

  #write(
    process: ControlProcess,
    answered: readonly (readonly [WindowCall, CallAnswer])[],
    done: (outcomes: readonly SettleOutcome[]) => void,
  ): void {
    const world = this.#world;
    const { random, scenario } = world;
    const rows: { call: WindowCall; answer: CallAnswer & { kind: "emitted" } }[] = [];
    const outcomes: SettleOutcome[] = [];
    for (const [call, answer] of answered) {
      if (answer.kind === "emitted") rows.push({ call, answer });
      else {
        outcomes.push(outcomeOf(call, answer, answer.kind === "taken" ? "written" : answer.kind));
      }
    }
    const kept = rows.filter(({ call, answer }) => {
      const known = process.guard.get(idOf(call)) ?? -1;
      if (answer.head.revision < known) world.count("smaller revisions dropped");
      else process.guard.set(idOf(call), answer.head.revision);
      return answer.head.revision >= known;
    });
    const at = Math.max(process.tail, world.now + world.latency());
    process.tail = at;
    const { epoch } = process;
    const fenced = scenario.latenessMs > 0 || scenario.emitEveryMs !== null;
    const isWritable = () =>
      !scenario.unwritable.some(([from, to]) => world.now >= from && world.now < to);
    world.after(at - world.now, () => {
      if (fenced && kept.length > 0 && epoch < world.lastEpoch) {
        world.count("fenced");
        return done([
          ...outcomes,
          ...rows.map(({ call, answer }) => outcomeOf(call, answer, "taken")),
        ]);
      }
      const fails = rows.length > 0 && (!isWritable() || random.chance(scenario.loss));
      const appended = !fails || (isWritable() && random.chance(0.5));
      if (appended) {
        for (const { call, answer } of kept) this.#append(call, answer);
      }
      if (fails) {
        world.count("rows not written");
        // Without a clear answer a new epoch is taken before anything is repeated.
        if (fenced && world.processes[world.owner] === process) {
          world.lastEpoch += 1;
          process.epoch = world.lastEpoch;
        }
      }
      done([
        ...outcomes,
        ...rows.map(({ call, answer }) => outcomeOf(call, answer, fails ? "taken" : "written")),
      ]);
    });
  }

  #append(call: WindowCall, { head, cells }: CallAnswer & { kind: "emitted" }): void {
    const world = this.#world;
    const window = idOf(call);
    const { revision, final } = head;
    const text = JSON.stringify([head.watermark, head.emittedAtMs, final, cells]);
    const other = world.rows.find((rows) =>
      rows.window === window && rows.revision === revision && rows.text !== text
    );
    if (other !== undefined) {
      throw new Violation(
        `two contents of window ${window} revision ${revision}: ${other.text.slice(0, 200)} | ${
          text.slice(0, 200)
        }`,
      );
    }
    world.rows.push({ window, revision, final, text });
  }

  /** Runs a step in a process, once it is not paused. */
  #in(process: ControlProcess, ms: number, run: () => void): void {
    this.#world.after(ms, () => {
      if (process.pausedUntil <= this.#world.now) return run();
      this.#world.count("paused processes");
      this.#in(process, process.pausedUntil - this.#world.now + this.#world.random.int(0, 30), run);
    });
  }
}

function outcomeOf(
  { start, shard, call }: WindowCall,
  answer: CallAnswer,
  end: SettleOutcome["end"],
): SettleOutcome {
  const emitted = answer.kind === "emitted" ? answer : null;
  return {
    start,
    shard,
    n: call.n,
    end,
    pairs: answer.pairs,
    bytes: answer.bytes,
    revision: emitted?.head.revision ?? null,
    final: emitted?.head.final ?? false,
    rows: emitted?.cells.length ?? 0,
    problem: end === "taken" ? "TG_RESULTS_UNWRITABLE" : null,
  };
}
