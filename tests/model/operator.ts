/**
 * The people of a schedule: they start, stop, resume, give up, bound and flush, and look whether it is
 * over, as the commands and the control process do.
 *
 * @module
 */

import type { DrainActor } from "./drain_actor.ts";
import type { Deed } from "./scenario.ts";
import type { Simulation } from "./simulation.ts";

/** How often somebody looks how things stand, in ms. */
const LOOK_MS = 50;
/** Later than any window ends. */
const FAR_OFF = 1e12;

/** The people of a schedule. */
export class Operator {
  readonly #sim: Simulation;
  /** The fixed ends of a bounded run. */
  readonly #untils = new Map<number, number | null>();
  #isLive: boolean;
  #hasFlushed = false;
  /** What is planned, and not done yet. */
  #planned = 0;
  #isOver = false;

  constructor(sim: Simulation) {
    const { partitions, mode, deeds } = sim.scenario;
    this.#sim = sim;
    this.#isLive = mode === "live";
    for (const [partition, { startAtMs }] of partitions.entries()) {
      this.#plan(startAtMs, () => {
        const until = this.#isLive ? null : sim.endOf(partition);
        this.#untils.set(partition, until);
        sim.startDrain(partition, until);
      });
    }
    for (const deed of deeds) this.#plan(deed.atMs, () => this.#do(deed));
    const { random, faults } = sim.world;
    for (let i = random.int(0, 4); faults.crash > 0 && i > 0; i--) {
      this.#plan(random.int(0, 6_000), () => this.#crash());
    }
    this.#lookSoon();
  }

  /** Whether all is done. */
  get isOver(): boolean {
    return this.#isOver;
  }

  #plan(inMs: number, run: () => void): void {
    this.#planned += 1;
    this.#sim.world.after(inMs, () => {
      this.#planned -= 1;
      run();
    });
  }

  #do({ partition, kind, skip }: Deed): void {
    const sim = this.#sim;
    if (kind === "terminate") return this.#anyWindow(() => true)?.[1].terminate();
    if (kind === "tamper") return this.#tamper();
    const drain = sim.drains[partition];
    if (drain === null || drain === undefined) return;
    const sinceMs = sim.world.now;
    switch (kind) {
      case "stop":
        return drain.message(() => (s) => s.onStop({ code: "TG_TEST", message: "", sinceMs }));
      case "exclude":
        return drain.message(() => (s) => s.onExclude());
      case "bound":
        return this.#bound(drain, partition);
      case "resume": {
        const { cursor } = drain.state.snapshot();
        return this.#resume(drain, Math.max(cursor, Math.min(cursor + skip, sim.endOf(partition))));
      }
    }
  }

  #bound(drain: DrainActor, partition: number): void {
    const { world } = this.#sim;
    const { cursor } = drain.state.snapshot();
    const fixed = Math.min(this.#sim.endOf(partition), cursor + world.random.int(0, 5));
    this.#sim.rejoined = true;
    drain.message(() => (s) => s.onBound(fixed));
    this.#plan(world.random.int(0, 1_000), () => {
      const until = this.#untils.get(partition) ?? null;
      drain.message(() => (s) => s.onBound(until));
    });
  }

  #resume(drain: DrainActor, from: number): void {
    drain.message((s) => {
      const { mode, cursor } = s.snapshot();
      if ((mode !== "stopped" && mode !== "excluded") || from < cursor) return null;
      this.#sim.rejoined ||= mode === "excluded";
      this.#sim.dropped ||= from > cursor;
      return (state) => state.onResume(from);
    });
  }

  #tamper(): void {
    const { clock, audit } = this.#sim;
    const registered = new Set(clock.timers.open.map(({ id }) => id));
    const found = this.#anyWindow((id) => registered.has(id));
    if (found === undefined) return;
    audit.tampered.add(found[0]);
    found[1].signal({ kind: "close", watermark: FAR_OFF });
  }

  #anyWindow(wanted: (id: string) => boolean) {
    const { windows, world } = this.#sim;
    const running = [...windows].filter(([id, window]) => window.isRunning && wanted(id));
    return running.length === 0 ? undefined : world.random.pick(running);
  }

  /** The whole control process goes down, or a workflow task of one workflow fails. */
  #crash(): void {
    const { clock, drains, world: { random } } = this.#sim;
    const running = drains.filter((drain) => drain !== null);
    if (random.chance(0.5)) {
      clock.crash();
      for (const drain of running) drain.crash();
    } else if (running.length === 0 || random.chance(0.4)) {
      clock.crash();
    } else {
      random.pick(running).crash();
    }
  }

  #lookSoon(): void {
    this.#plan(LOOK_MS, () => this.#look());
  }

  #look(): void {
    const sim = this.#sim;
    const stopped = sim.drains.find((drain) => drain?.state.snapshot().mode === "stopped");
    if (this.#planned === 0 && stopped !== undefined && stopped !== null) {
      this.#resume(stopped, stopped.state.snapshot().cursor);
    } else if (this.#planned === 0 && sim.isAtRest) {
      this.#isOver = this.#isLive ? sim.isAllClosed : this.#afterDrained();
    }
    if (!this.#isOver) this.#lookSoon();
  }

  /** What follows when the fixed ends are reached; true if nothing does. */
  #afterDrained(): boolean {
    const { scenario, clock, drains } = this.#sim;
    if (scenario.flush && !this.#hasFlushed) {
      this.#hasFlushed = true;
      clock.flush();
      return false;
    }
    if (scenario.mode === "bounded") return true;
    this.#untils.clear();
    this.#isLive = true;
    for (const drain of drains) drain?.message(() => (s) => s.onBound(null));
    return false;
  }
}
