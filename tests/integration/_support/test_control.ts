/**
 * Control processes as children of a test, so that one can be killed.
 *
 * @module
 */

import type { WorkerSlot } from "../../../adapters/launchers/launcher.ts";
import type { ControlCommand, ControlEvent, ControlMainOptions } from "./control_main.ts";
import { until } from "./until.ts";

/** Why a control process did not start, or could not go on. */
export class ControlFailure extends Error {
  /**
   * @param code The `TG_…` code; empty for an unforeseen error.
   * @param message What happened.
   */
  constructor(readonly code: string, message: string) {
    super(`${code}: ${message}`);
  }
}

/** A running control process. */
export class TestControl {
  /** The generation of the pipeline's state. */
  generation = 0;
  /** What it said to people. */
  readonly said: string[] = [];
  /** Why it can't go on; undefined as long as it can. */
  lost: ControlFailure | undefined;
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #read: Promise<void>;
  readonly #answers: ((slots: readonly WorkerSlot[]) => void)[] = [];
  #failed: ControlFailure | undefined;
  #ended = false;

  private constructor(options: ControlMainOptions) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--quiet",
        "--no-check",
        "-A",
        new URL("control_main.ts", import.meta.url).href,
      ],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#read = this.#follow();
    this.#tell(options);
  }

  /**
   * Starts a control process and waits until it is up.
   *
   * @param options How it runs.
   * @returns The control process.
   * @throws {ControlFailure} If it refuses to start.
   */
  static async start(options: ControlMainOptions): Promise<TestControl> {
    const control = new TestControl(options);
    try {
      await until("the control process", () => {
        if (control.#failed !== undefined) throw control.#failed;
        if (control.#ended) throw new ControlFailure("", control.said.join("\n"));
        return control.generation > 0 ? true : undefined;
      }, { withinMs: 90_000, everyMs: 20, seen: () => control.said });
      return control;
    } catch (error) {
      await control.kill();
      throw error;
    }
  }

  /** Its process id. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Changes the number of worker processes. */
  async workers(count: number): Promise<readonly WorkerSlot[]> {
    return await this.#ask({ do: "workers", count });
  }

  /** The worker processes. */
  async slots(): Promise<readonly WorkerSlot[]> {
    return await this.#ask({ do: "slots" });
  }

  /** Ends it as SIGTERM would, and waits for it. */
  async stop(): Promise<void> {
    if (this.#ended) return await this.#read;
    this.#tell({ do: "stop" });
    await this.#end();
    if (this.#failed !== undefined) throw this.#failed;
  }

  /** Kills it with SIGKILL, and waits for it. */
  async kill(): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await this.#end();
  }

  async #end(): Promise<void> {
    await this.#read;
    await this.#input.close().catch(() => undefined);
  }

  #tell(line: ControlMainOptions | ControlCommand): void {
    // Where it has ended, that is noticed by reading.
    this.#input.write(new TextEncoder().encode(`${JSON.stringify(line)}\n`)).catch(() => undefined);
  }

  #ask(command: ControlCommand): Promise<readonly WorkerSlot[]> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(new Error("the control process has ended"));
      this.#answers.push(resolve);
      this.#tell(command);
    });
  }

  async #follow(): Promise<void> {
    await Promise.all([
      eachLine(this.#child.stdout, (line) => this.#take(line)),
      eachLine(this.#child.stderr, (line) => this.said.push(line)),
    ]);
    await this.#child.status;
    this.#ended = true;
  }

  #take(line: string): void {
    if (!line.startsWith("{")) return void this.said.push(line);
    // Written by control_main.ts, so it is of this shape.
    const event = JSON.parse(line) as ControlEvent;
    switch (event.event) {
      case "up":
        this.generation = event.generation;
        break;
      case "failed":
        this.#failed = new ControlFailure(event.code, event.message);
        break;
      case "lost":
        this.lost = new ControlFailure(event.code, event.message);
        break;
      case "say":
        this.said.push(event.line);
        break;
      case "slots":
        this.#answers.shift()?.(event.slots);
        break;
    }
  }
}

async function eachLine(
  stream: ReadableStream<Uint8Array>,
  take: (line: string) => void,
): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    parts.filter((line) => line !== "").forEach(take);
  }
}
