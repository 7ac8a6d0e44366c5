/**
 * Plays one schedule: the world with its faults, the real drain and windows in it, a supervisor and a
 * person who do what they would do.
 *
 * @module
 */

import { Checks } from "./checks.ts";
import { Host } from "./host.ts";
import { Random } from "./random.ts";
import { drawScenario, type Scenario } from "./scenario.ts";
import { Windows } from "./settle_activity.ts";
import { Violation, World } from "./world.ts";

/** How a schedule went. */
export interface Played {
  readonly violation: string | null;
  readonly tally: ReadonlyMap<string, number>;
  readonly faults: readonly string[];
  readonly steps: number;
}

const MOST_STEPS = 200_000;
const MOST_MS = 6 * 3_600_000;

/** Plays the schedule of a seed and a number. */
export function play(seed: number, index: number): Played {
  const random = new Random(seed, index);
  const scenario = drawScenario(random);
  const world = new World(scenario, random);
  let violation: string | null = null;
  try {
    new Schedule(world).run();
  } catch (error) {
    if (!(error instanceof Violation)) {
      violation = error instanceof Error ? error.stack ?? error.message : String(error);
    } else violation = error.message;
  }
  return { violation, tally: world.tally, faults: scenario.faults, steps: world.steps };
}

/** The first schedule from a seed on that breaks a promise. */
export function firstViolation(
  seed: number,
  most: number,
): { readonly schedules: number; readonly violation: string } | undefined {
  for (let index = 0; index < most; index++) {
    const { violation } = play(seed, index);
    if (violation !== null) return { schedules: index + 1, violation };
  }
  return undefined;
}

class Schedule {
  readonly #world: World;
  readonly #scenario: Scenario;
  readonly #checks: Checks;
  readonly #windows: Windows;
  readonly #host: Host;
  #flushed = false;
  #decides = new Set<number>();
  /** How often somebody has bounded a partition that has stopped or was given up. */
  #bounds = 0;

  constructor(world: World) {
    this.#world = world;
    this.#scenario = world.scenario;
    this.#windows = new Windows(world);
    this.#checks = new Checks(world, this.#windows);
    this.#host = new Host(world, this.#windows, this.#checks);
  }

  run(): void {
    const world = this.#world;
    this.#plan();
    this.#look();
    let complete = false;
    while (world.step()) {
      complete = this.#isOver();
      if (complete || this.#isStuckByBudget()) break;
      if (world.steps > MOST_STEPS || world.now > MOST_MS) {
        throw new Violation(`no end: ${this.#state()}`);
      }
    }
    if (!complete && !this.#isStuckByBudget()) {
      throw new Violation(`nothing moves: ${this.#state()}`);
    }
    // Somebody flushes where nothing is open; and zombies come to their end.
    if (complete && world.random.chance(0.2)) this.#flush();
    for (let i = 0; i < 2_000 && world.now < MOST_MS + 1e6; i++) if (!world.step()) break;
    // What comes late may have opened windows again, such as a partition that is let go on.
    this.#checks.end(this.#host.drain, complete && this.#isOver());
  }

  #plan(): void {
    const world = this.#world;
    const { random } = world;
    const { deeds, fleetMoves, takeoverAt } = this.#scenario;
    for (const deed of deeds) {
      world.after(deed.at, () => {
        const { partition } = deed;
        world.count(`deed ${deed.kind}`);
        if (deed.kind === "exclude") this.#host.send({ kind: "exclude", partition });
        if (deed.kind === "accept") this.#host.send({ kind: "accept", hash: "b" });
        if (deed.kind === "tune") {
          const pace = {
            paceMs: random.pick([500, 1_000, 5_000]),
            sliceMs: random.pick([300, 2_000]),
            deliverEveryMs: random.pick([1_000, 5_000, null]),
          };
          this.#host.send({ kind: "tune", pace });
        }
        if (deed.kind === "terminate") this.#windows.terminate(false);
        if (deed.kind === "terminateAll") this.#windows.terminate(true);
        if (deed.kind === "skip") {
          const p = this.#host.drain.partitions.find((known) => known.partition === partition);
          if (p === undefined || p.until !== null) return;
          const from = Math.min(world.highWatermark(partition), p.cursor + random.int(0, 3));
          this.#host.send({ kind: "resume", partition, from });
        }
        const bounds = deed.kind === "bound" || deed.kind === "boundOne";
        if (bounds && this.#scenario.mode === "live") {
          const { partitions } = this.#host.drain;
          const some = deed.kind === "bound" ? partitions : partitions.slice(0, 1);
          const at = some.map((p) =>
            [p.partition, Math.max(p.cursor, world.stable(p.partition))] as const
          );
          this.#host.send({ kind: "bound", untils: at });
        }
        if (deed.kind === "flush") this.#flush();
      });
    }
    for (const { at, to, told } of fleetMoves) {
      world.after(at, () => {
        world.count(told ? "fleet moves told" : "fleet moves untold");
        if (told && to === 0) return this.#standDown();
        if (!told && to === 0) this.#host.stopWorkers(false);
        world.fleet = to;
        world.after(
          told ? 0 : random.int(5_000, 30_000),
          () => this.#host.send({ kind: "ready", slots: world.fleet }),
        );
      });
    }
    for (const [from, to] of this.#scenario.pauses) {
      world.after(from, () => {
        const owner = world.processes[world.owner];
        if (owner !== undefined) owner.pausedUntil = Math.max(owner.pausedUntil, to);
      });
    }
    const { reset, clockJumps } = this.#scenario;
    for (const { at } of clockJumps) world.after(at, () => world.count("clock jumps"));
    if (reset !== null) {
      world.after(reset.toAt, () => {
        const state = JSON.stringify(this.#host.drain.snapshot());
        const goBack = this.#checks.save();
        world.after(reset.at - reset.toAt, () => {
          goBack();
          this.#host.reset(state);
        });
      });
    }
    if (takeoverAt !== null) {
      world.after(takeoverAt, () => {
        world.count("takeovers");
        const [first, second] = world.processes;
        if (first === undefined || second === undefined) return;
        first.pausedUntil = world.now + random.int(500, 60_000);
        world.after(random.int(200, 3_000), () => {
          world.lastEpoch += 1;
          second.epoch = world.lastEpoch;
          world.owner = 1;
        });
      });
    }
  }

  /** The supervisor tells the drain first, and stops the last worker when no sweep is out. */
  #standDown(): void {
    const world = this.#world;
    this.#host.send({ kind: "ready", slots: 0 });
    const until = (ms: number) => {
      if (!this.#host.drain.isFleetFree) return world.after(ms, () => until(ms * 1.5));
      if (world.random.chance(0.5)) this.#host.stopWorkers(true);
      world.fleet = 0;
    };
    world.after(50, () => until(50));
  }

  /** A person looks now and then: at partitions that stopped, and at the end of a run. */
  #look(): void {
    const world = this.#world;
    const { drain } = this.#host;
    for (const p of drain.partitions) {
      if (p.mode !== "stopped" || this.#decides.has(p.partition)) continue;
      this.#decides.add(p.partition);
      const code = p.stop?.code ?? "";
      world.count(`stopped ${code}`);
      world.after(world.random.int(500, 15_000), () => {
        this.#decides.delete(p.partition);
        const offset = p.stop?.offset ?? p.cursor;
        const skips = code !== "TG_LOG_DIVERGED" || world.random.chance(0.2);
        if (world.random.chance(0.3)) {
          this.#host.send({ kind: "exclude", partition: p.partition });
        } else {
          const end = world.highWatermark(p.partition);
          const from = skips ? Math.min(end, offset + 1) : offset;
          this.#host.send({ kind: "resume", partition: p.partition, from });
        }
      });
    }
    const partitions = this.#scenario.addedAt.filter((at) => at <= world.now).length;
    if (partitions > drain.partitions.length) {
      this.#host.send({ kind: "topicHas", partitions });
    }
    for (const p of drain.partitions) {
      if (p.mode !== "stopped" && p.mode !== "excluded") continue;
      if (this.#scenario.mode === "bounded" || this.#bounds > 5) continue;
      if (!world.random.chance(0.05)) continue;
      this.#bounds += 1;
      const until = Math.max(p.cursor, world.stable(p.partition));
      this.#host.send({ kind: "bound", untils: [[p.partition, until]] });
    }
    const rests = drain.partitions.every((p) => p.mode === "idle" || p.mode === "excluded");
    if (this.#scenario.scalesToZero && rests && world.fleet > 0 && world.random.chance(0.5)) {
      this.#standDown();
    }
    const ends = drain.partitions.filter((p) => p.until !== null);
    if (this.#scenario.mode === "live" && ends.length > 0 && world.random.chance(0.15)) {
      this.#host.send({ kind: "bound", untils: ends.map((p) => [p.partition, null] as const) });
    }
    const bounded = drain.isDrained && this.#scenario.mode === "bounded";
    const nobody = drain.partitions.every((p) => p.mode === "excluded");
    if ((bounded || nobody) && drain.windows.size > 0 && !this.#flushed) {
      this.#flushed = true;
      world.after(500, () => {
        this.#flushed = false;
      });
      this.#flush();
    }
    world.after(this.#scenario.mode === "bounded" ? 400 : 2_000, () => this.#look());
  }

  #flush(): void {
    this.#world.count("flushes");
    this.#checks.flushed = true;
    this.#host.send({ kind: "flush" });
  }

  #isOver(): boolean {
    const { drain } = this.#host;
    // A person may still let a partition go on that was given up.
    const [last] = this.#scenario.deeds.toReversed();
    if (drain.windows.size > 0 || this.#world.now <= (last?.at ?? 0) + 1_000) return false;
    const { logs, addedAt } = this.#scenario;
    const known = new Map(drain.partitions.map((p) => [p.partition, p]));
    return logs.every((log, partition) => {
      const p = known.get(partition);
      if (p === undefined) return (addedAt[partition] ?? 0) > 0 && log.length === 0;
      const end = log.at(-1)?.at ?? 0;
      const tail = log.slice(p.cursor).every((record) => record.kind === "hole");
      return p.mode === "excluded" || (tail && end <= this.#world.now);
    });
  }

  #isStuckByBudget(): boolean {
    const stuck = this.#host.drain.stuckBehind !== null;
    if (stuck) this.#world.count("too many windows");
    return stuck;
  }

  #state(): string {
    const { drain } = this.#host;
    const partitions = drain.partitions.map((p) =>
      `${p.partition} ${p.mode} ${p.cursor}/${p.end}/${this.#world.logs[p.partition]?.length} ` +
      `still ${p.silentMs} ran ${p.ranOnMs} ${JSON.stringify(p.narrow)} ${p.stop?.code ?? ""}`
    );
    const snapshot = drain.snapshot();
    return JSON.stringify({
      now: this.#world.now,
      partitions,
      watermark: drain.watermark,
      runOnFrom: snapshot.runOnFrom,
      slots: snapshot.slots,
      fleet: this.#world.fleet,
      out: drain.sweepsOut.map((s) => [s.n, s.quietMs, s.silentMs, s.boundary]),
      windows: drain.windows.look().slice(0, 3),
      faults: this.#scenario.faults,
    });
  }
}
