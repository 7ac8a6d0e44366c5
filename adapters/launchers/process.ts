/**
 * Worker processes on this machine. What happens when is decided in `core/scaling/slots.ts`; here are the
 * processes, the timer and the words for people.
 *
 * @module
 */

import { errorText } from "../../core/errors.ts";
import { NEW_SLOT, type Slot, SLOT_LIMITS, type SlotLimits } from "../../core/scaling/slot.ts";
import {
  median,
  NO_SLOTS,
  type Slots,
  type SlotsAct,
  slotsDueMs,
  type SlotsEvent,
  stepSlots,
} from "../../core/scaling/slots.ts";
import { deadline } from "../deadline.ts";
import { type Child, startChild } from "./child.ts";
import { type Launcher, workerCount, type WorkerSlot, type WorkerTimes } from "./launcher.ts";

/** How to start a worker process. */
export interface ProcessLauncherOptions {
  /** The program. */
  readonly command: string;
  /** Its arguments. */
  readonly args: readonly string[];
  /** Told to each process on its standard input, which then stays open: its settings, one line. */
  readonly input: string;
  /** Names the control process; the workers' identities begin with it. */
  readonly name: string;
  /** Told of what workers print, and of how they fail, in lines for people. */
  readonly say: (line: string) => void;
  /**
   * Told at once when a process has ended, with its identity, and whether it left in order: was told
   * to end and exited with 0. If not, it may have held a sweep. `stop` waits a while for what it returns.
   */
  readonly onExit: (identity: string, expected: boolean) => void | Promise<void>;
  /** Told of every change of the fleet. */
  readonly onChange?: () => void;
  /** Told what a child has said of its work, with its identity: a JSON text. */
  readonly onProgress?: (identity: string, progress: string) => void;
  /**
   * Times and counts that differ from {@linkcode SLOT_LIMITS}.
   * @default {{}}
   */
  readonly limits?: Partial<SlotLimits>;
}

/** What a line of a child begins with that tells of its work. */
export const PROGRESS = "progress ";
/** `stop` waits for what `onExit` returns, but not for ever: its server may be away. In ms. */
const HAND_OVER_MS = 3_000;
/** Errors at a start that would come again at the next. */
const LASTING = ["NotFound", "PermissionDenied", "NotCapable"];

/**
 * Makes a launcher of child processes. A child prints the line `ready` when it takes work and
 * lines that begin with {@linkcode PROGRESS} while it is at it, ends on SIGTERM with what it has, and ends when its standard input closes, that is, when this
 * process dies. Its identity is in its environment as `TIDEGATE_WORKER_IDENTITY`.
 *
 * @param options How to start a child.
 * @returns The launcher.
 */
export function createProcessLauncher(options: ProcessLauncherOptions): Launcher {
  return new ProcessLauncher(options);
}

interface Worker {
  readonly child: Child;
  readonly identity: string;
}

class ProcessLauncher implements Launcher {
  readonly #options: ProcessLauncherOptions;
  readonly #limits: SlotLimits;
  readonly #workers: (Worker | undefined)[] = [];
  readonly #events: SlotsEvent[] = [];
  readonly #watches = new Set<Promise<void>>();
  readonly #handOvers = new Set<Promise<void>>();
  #fleet: Slots = NO_SLOTS;
  #busy = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopping = false;
  #stopped: Promise<void> | undefined;

  constructor(options: ProcessLauncherOptions) {
    this.#options = options;
    this.#limits = { ...SLOT_LIMITS, ...options.limits };
  }

  get desired(): number {
    return this.#fleet.desired;
  }

  get slots(): readonly WorkerSlot[] {
    return this.#fleet.slots.map(({ phase, restarts, problem }, slot) => ({
      slot,
      state: phase.state,
      pid: this.#workers[slot]?.child.pid ?? null,
      identity: this.#workers[slot]?.identity ?? null,
      restarts,
      problem,
    }));
  }

  get times(): WorkerTimes {
    const { startupsMs, drainsMs } = this.#fleet;
    return { startupMs: median(startupsMs), drainMs: median(drainsMs) };
  }

  want(desired: number): void {
    workerCount(desired);
    if (!this.#stopping) this.#tell({ kind: "desire", desired });
  }

  replace(slot: number): boolean {
    const state = this.#fleet.slots[slot]?.phase.state;
    if (state !== "starting" && state !== "ready") return false;
    this.#options.say(`worker ${slot} is replaced`);
    this.#tell({ kind: "slot", slot, event: { kind: "replace" } });
    return true;
  }

  stop(): Promise<void> {
    this.#stopping = true;
    return this.#stopped ??= this.#end();
  }

  async #end(): Promise<void> {
    this.#tell({ kind: "desire", desired: 0 });
    do await Promise.all(this.#watches); while (this.#watches.size > 0);
    await deadline(Promise.all(this.#handOvers), HAND_OVER_MS);
  }

  /** One event after the other: what is done about one may bring the next. */
  #tell(event: SlotsEvent): void {
    this.#events.push(event);
    if (this.#busy) return;
    this.#busy = true;
    const before = this.#fleet;
    try {
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
        this.#step(next);
      }
    } finally {
      this.#busy = false;
    }
    this.#setTimer();
    if (isChanged(before, this.#fleet)) this.#options.onChange?.();
  }

  #step(event: SlotsEvent): void {
    const { slots } = this.#fleet;
    const { fleet, acts } = stepSlots(this.#fleet, event, performance.now(), this.#limits);
    this.#fleet = fleet;
    fleet.slots.forEach((slot, number) => {
      const failures = slots[number]?.failures ?? 0;
      if (slot.failures > failures) this.#options.say(`worker ${number} ${failure(slot)}`);
    });
    acts.forEach((act) => this.#do(act));
  }

  #setTimer(): void {
    clearTimeout(this.#timer);
    const dueMs = slotsDueMs(this.#fleet, this.#limits);
    if (dueMs === Infinity) return;
    const inMs = Math.max(0, Math.ceil(dueMs - performance.now()));
    this.#timer = setTimeout(() => this.#tell({ kind: "tick" }), inMs);
  }

  #do({ slot, act }: SlotsAct): void {
    if (act === "start") return this.#start(slot);
    const child = this.#workers[slot]?.child;
    if (act === "end") return child?.signal("SIGTERM");
    child?.signal("SIGKILL");
    const { phase, problem } = this.#fleet.slots[slot] ?? NEW_SLOT;
    const why = phase.state === "draining" && phase.failed ? problem : "told to end and has not";
    this.#options.say(`worker ${slot} is killed: ${why}`);
  }

  #start(slot: number): void {
    const { command, args, input, name } = this.#options;
    const identity = `${name}-worker-${slot}.${this.#fleet.slots[slot]?.lives ?? 0}`;
    try {
      const child = startChild({
        command,
        args,
        env: { TIDEGATE_WORKER_IDENTITY: identity },
        input,
        onLine: (line, isError) => this.#take(slot, identity, line, isError),
      });
      this.#workers[slot] = { child, identity };
      keep(this.#watches, this.#watch(slot, child, identity));
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      const lasting = LASTING.includes(error.name);
      const how = `can't be started: ${error.message}`;
      const jitter = Math.random();
      this.#tell({ kind: "slot", slot, event: { kind: "not started", how, lasting, jitter } });
    }
  }

  #take(slot: number, identity: string, line: string, isError: boolean): void {
    const isProgress = !isError && line.startsWith(PROGRESS);
    if (!isProgress && (isError || line !== "ready")) {
      return this.#options.say(`worker ${slot}: ${line}`);
    }
    // Not the late word of a process that has ended.
    if (this.#workers[slot]?.identity !== identity) return;
    if (isProgress) return this.#options.onProgress?.(identity, line.slice(PROGRESS.length));
    this.#tell({ kind: "slot", slot, event: { kind: "ready" } });
  }

  async #watch(slot: number, child: Child, identity: string): Promise<void> {
    const { code, signal } = await child.ended;
    const phase = this.#fleet.slots[slot]?.phase;
    const asked = phase?.state === "draining" && !phase.failed;
    keep(this.#handOvers, this.#handOver(identity, asked && code === 0));
    await child.told;
    const how = `ended (${signal ?? `exit ${code}`})`;
    // One that was still starting ends by the signal itself.
    if (asked && code !== 0 && signal !== "SIGTERM") this.#options.say(`worker ${slot} ${how}`);
    this.#workers[slot] = undefined;
    const jitter = Math.random();
    this.#tell({ kind: "slot", slot, event: { kind: "exited", how, jitter } });
  }

  async #handOver(identity: string, expected: boolean): Promise<void> {
    try {
      await this.#options.onExit(identity, expected);
    } catch (error) {
      const message = errorText(error);
      this.#options.say(`the end of ${identity} was not dealt with: ${message}`);
    }
  }
}

/** Keeps a work as long as it is not done. */
function keep(works: Set<Promise<void>>, work: Promise<void>): void {
  works.add(work);
  void work.finally(() => works.delete(work));
}

function isChanged(before: Slots, after: Slots): boolean {
  return before.desired !== after.desired ||
    after.slots.some((slot, number) => slot !== before.slots[number]);
}

/** How a slot has failed, and what comes of it. */
function failure({ problem, phase, streak }: Slot): string {
  const left = (untilMs: number) => ((untilMs - performance.now()) / 1000).toFixed(1);
  switch (phase.state) {
    case "backing off":
      return `${problem}, is started again in ${left(phase.untilMs)} s`;
    case "open":
      return `${problem}, is left alone for ${left(phase.untilMs)} s` +
        (streak > 1 ? ` after ${streak} failures in a row` : "");
    case "starting":
      return `${problem}, is started again`;
    default:
      return `${problem}`;
  }
}
