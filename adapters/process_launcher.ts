/**
 * Worker processes on this machine.
 *
 * @module
 */

import type { Launcher, SlotState, WorkerSlot } from "./launcher.ts";

/** The second and later restarts wait this long at first, doubling each time, in ms. */
const FIRST_PAUSE_MS = 1_000;
/** No pause is longer than this, in ms. */
const LONGEST_PAUSE_MS = 30_000;
/** A process that lived this long in ready state has recovered: its next restart is at once. */
const RECOVERED_MS = 30_000;
/** A process that does not end after SIGTERM is killed after this, in ms. */
const GRACE_MS = 25_000;

/** How to start a worker process. */
export interface ProcessLauncherOptions {
  /** The program. */
  readonly command: string;
  /** Its arguments. */
  readonly args: readonly string[];
  /** Told to each process on its standard input, which then stays open: its settings. */
  readonly input: string;
  /** Names the control process; the workers' identities begin with it. */
  readonly name: string;
  /** Told of lines that a worker prints for people. */
  readonly say: (line: string) => void;
  /** Told when a process has ended, with its identity. */
  readonly onExit: (identity: string, expected: boolean) => void;
  /** Told of every change of a slot. */
  readonly onChange?: () => void;
}

/**
 * Makes a launcher of child processes. A child prints `ready` when it takes work, ends on SIGTERM
 * after the slice at hand, and ends when its standard input closes, that is, when this process dies.
 *
 * @param options How to start a child.
 * @returns The launcher.
 */
export function createProcessLauncher(options: ProcessLauncherOptions): Launcher {
  const slots: Slot[] = [];
  return {
    want(desired) {
      while (slots.length < desired) slots.push(new Slot(slots.length, options));
      slots.forEach((slot, i) => slot.want(i < desired));
    },
    get slots() {
      return slots.map((slot) => slot.view);
    },
    async stop() {
      slots.forEach((slot) => slot.want(false));
      await Promise.all(slots.map((slot) => slot.ended()));
    },
  };
}

class Slot {
  readonly #number: number;
  readonly #options: ProcessLauncherOptions;
  #wanted = false;
  #state: SlotState = "absent";
  #child: Deno.ChildProcess | null = null;
  #identity: string | null = null;
  #lives = 0;
  #restarts = 0;
  #failures = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #ended: Promise<void> = Promise.resolve();

  constructor(number: number, options: ProcessLauncherOptions) {
    this.#number = number;
    this.#options = options;
  }

  get view(): WorkerSlot {
    return {
      slot: this.#number,
      state: this.#state,
      pid: this.#child?.pid ?? null,
      identity: this.#identity,
      restarts: this.#restarts,
    };
  }

  want(wanted: boolean): void {
    if (wanted === this.#wanted) return;
    this.#wanted = wanted;
    if (wanted && this.#state === "absent") this.#start();
    if (wanted) return;
    clearTimeout(this.#timer);
    if (this.#child !== null) this.#drain(this.#child);
    else this.#become("absent");
  }

  ended(): Promise<void> {
    return this.#ended;
  }

  #become(state: SlotState): void {
    this.#state = state;
    this.#options.onChange?.();
  }

  #start(): void {
    const { command, args, input, name } = this.#options;
    this.#lives += 1;
    this.#identity = `${name}-worker-${this.#number}.${this.#lives}`;
    this.#child = new Deno.Command(command, {
      args: [...args],
      env: { TIDEGATE_WORKER_IDENTITY: this.#identity },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#become("starting");
    this.#ended = this.#watch(this.#child, this.#identity, `${input}\n`);
  }

  async #watch(child: Deno.ChildProcess, identity: string, input: string): Promise<void> {
    const startedMs = performance.now();
    const stdin = child.stdin.getWriter();
    // A child that ends at once does not read it; its exit is noticed below.
    stdin.write(new TextEncoder().encode(input)).catch(() => undefined);
    const lines = Promise.all([
      eachLine(child.stdout, (line) => {
        if (line === "ready" && this.#state === "starting") this.#become("ready");
      }),
      eachLine(child.stderr, (line) => this.#options.say(`worker ${this.#number}: ${line}`)),
    ]);
    const { code, signal } = await child.status;
    clearTimeout(this.#timer);
    await stdin.close().catch(() => undefined);
    const expected = !this.#wanted;
    this.#child = null;
    this.#options.onExit(identity, expected);
    await lines;
    if (expected) return this.#become("absent");
    this.#options.say(`worker ${this.#number} ended (${signal ?? `exit ${code}`}), starting anew`);
    this.#restartAfter(performance.now() - startedMs);
  }

  #restartAfter(livedMs: number): void {
    this.#restarts += 1;
    this.#failures = livedMs >= RECOVERED_MS ? 1 : this.#failures + 1;
    if (this.#failures === 1) return this.#start();
    const doubled = FIRST_PAUSE_MS * 2 ** (this.#failures - 2);
    const pauseMs = Math.min(LONGEST_PAUSE_MS, doubled) * (0.75 + Math.random() / 2);
    this.#become("backing off");
    this.#timer = setTimeout(() => this.#start(), pauseMs);
  }

  #drain(child: Deno.ChildProcess): void {
    this.#become("draining");
    kill(child, "SIGTERM");
    this.#timer = setTimeout(() => kill(child, "SIGKILL"), GRACE_MS);
  }
}

function kill(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch {
    // It has ended by itself.
  }
}

async function eachLine(
  stream: ReadableStream<Uint8Array>,
  take: (line: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of stream) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    lines.forEach(take);
  }
  if (rest !== "") take(rest);
}
