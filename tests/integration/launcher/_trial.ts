/**
 * A launcher of real child processes under test: what it says and tells, and waiting for it.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Launcher } from "../../../adapters/launchers/launcher.ts";
import {
  createProcessLauncher,
  type ProcessLauncherOptions,
} from "../../../adapters/launchers/process.ts";
import { until } from "../_support/until.ts";
import type { ChildManner } from "./_child_main.ts";

/** Whether this run may start programs, use files, and read the environment. */
export const MAY_RUN: boolean = (["run", "read", "write", "env"] as const)
  .every((name) => Deno.permissions.querySync({ name }).state === "granted");

/** What is waited for comes sooner, or never. */
const DEADLINE_MS = 20_000;

/** The end of a worker as the launcher tells of it. */
export interface Exit {
  /** The worker. */
  readonly identity: string;
  /** Whether it left in order. */
  readonly expected: boolean;
}

/** How a launcher under test starts its children; what is left out is of no matter. */
export type TrialOptions =
  & Partial<ProcessLauncherOptions>
  & Pick<ProcessLauncherOptions, "command">;

/** A launcher under test. */
export class Trial {
  /** The launcher. */
  readonly launcher: Launcher;
  /** What it said. */
  readonly said: string[] = [];
  /** The ends of workers. */
  readonly exits: Exit[] = [];
  /** The states of the first slot, one after the other. */
  readonly states: string[] = [];
  /** All processes there have been. */
  readonly pids = new Set<number>();
  /** How many ran at once at most. */
  most = 0;
  #look: () => void = () => undefined;

  /** @param options How children are started. */
  constructor(options: TrialOptions) {
    this.launcher = createProcessLauncher({
      args: [],
      input: "settings",
      name: "test",
      ...options,
      say: (line) => {
        this.said.push(line);
        this.#look();
      },
      onExit: (identity, expected) => {
        this.exits.push({ identity, expected });
        return options.onExit?.(identity, expected);
      },
      onChange: () => {
        this.#note();
        options.onChange?.();
        this.#look();
      },
    });
  }

  /**
   * Waits until something holds, looking whenever the launcher tells of a change.
   *
   * @param what What is waited for, for the message.
   * @param holds Tells whether it does.
   */
  async until(what: string, holds: () => boolean): Promise<void> {
    if (holds()) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#look = () => {
          if (holds()) resolve();
        };
        timer = setTimeout(() => {
          const seen = JSON.stringify({ slots: this.launcher.slots, said: this.said });
          reject(new Error(`waited in vain for ${what}: ${seen.slice(0, 4_000)}`));
        }, DEADLINE_MS);
      });
    } finally {
      clearTimeout(timer);
      this.#look = () => undefined;
    }
  }

  /** Waits until so many workers, and no others, are there and ready. */
  untilReady(count: number): Promise<void> {
    return this.until(`${count} ready workers`, () => {
      const states = this.launcher.slots.map(({ state }) => state).filter((s) => s !== "absent");
      return states.length === count && states.every((state) => state === "ready");
    });
  }

  /** Waits until a slot is in a state. */
  untilState(slot: number, state: string): Promise<void> {
    return this.until(
      `slot ${slot} ${state}`,
      () => this.launcher.slots[slot]?.state === state,
    );
  }

  #note(): void {
    const { slots } = this.launcher;
    const pids = slots.flatMap(({ pid }) => pid ?? []);
    pids.forEach((pid) => this.pids.add(pid));
    this.most = Math.max(this.most, pids.length);
    const state = slots[0]?.state;
    if (state !== undefined && state !== this.states.at(-1)) this.states.push(state);
  }
}

/**
 * The command line of a child.
 *
 * @param manner What it does.
 * @param file The file that it looks at.
 * @returns Program and arguments.
 */
export function child(
  manner: ChildManner,
  file = "",
): Pick<ProcessLauncherOptions, "command" | "args"> {
  const main = new URL("_child_main.ts", import.meta.url).href;
  return {
    command: Deno.execPath(),
    args: ["run", "--quiet", "-A", "--no-check", main, manner, file],
  };
}

/**
 * Runs a test with a launcher, and looks that nothing is left of it.
 *
 * @param name What must hold.
 * @param options How children are started.
 * @param body The test.
 * @param ignore Whether it is left out.
 */
export function launcherTest(
  name: string,
  options: () => TrialOptions | Promise<TrialOptions>,
  body: (trial: Trial) => Promise<void>,
  ignore: boolean = !MAY_RUN,
): void {
  Deno.test({
    name: `launcher: ${name}`,
    ignore,
    async fn() {
      const trial = new Trial(await options());
      try {
        await body(trial);
      } finally {
        await trial.launcher.stop();
      }
      for (const pid of trial.pids) assert.equal(await isAlive(pid), false, `${pid} is left`);
      assert.equal(trial.exits.length, trial.pids.size, "each end is told once");
    },
  });
}

/** Whether a process runs; one that has ended and waits for its burial does not. */
export async function isAlive(pid: number): Promise<boolean> {
  const ps = new Deno.Command("ps", { args: ["-o", "stat=", "-p", String(pid)] });
  const state = new TextDecoder().decode((await ps.output()).stdout).trim();
  return state !== "" && !state.startsWith("Z");
}

/** Waits for the end of processes that are nobody's children any more. */
export async function untilGone(pids: Iterable<number>): Promise<void> {
  for (const pid of pids) {
    const gone = async () => await isAlive(pid) ? undefined : true;
    await until(`the end of process ${pid}`, gone, { withinMs: DEADLINE_MS, everyMs: 20 });
  }
}
