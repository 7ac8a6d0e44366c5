/**
 * `start` as a child, with a pipeline of a test's own and its live page.
 *
 * @module
 */

import type { PageState } from "../../../dashboard/server/state.ts";
import { KAFKA, TEMPORAL, testVariable } from "../_support/servers.ts";
import type { TestPipeline } from "../_support/test_pipeline.ts";
import { until } from "../_support/until.ts";

const ROOT = new URL("../../../", import.meta.url);

/** How it is started. */
export interface StartedOptions {
  /**
   * Further arguments.
   * @default {[]}
   */
  readonly args?: readonly string[];
  /**
   * Further environment.
   * @default {{}}
   */
  readonly env?: Readonly<Record<string, string>>;
}

/** A line of its log. */
export interface LogEntry {
  /** When. */
  readonly time: string;
  /** What it is about. */
  readonly kind: string;
  /** What is told. */
  readonly message: string;
}

/** A running `start`. */
export class Started {
  /** The address of its live page, with a slash at its end. */
  url = "";
  /** What it told, on both outputs. */
  readonly lines: string[] = [];
  readonly #child: Deno.ChildProcess;
  readonly #printed: Promise<unknown>;
  #ended = false;

  private constructor(command: Deno.Command) {
    this.#child = command.spawn();
    const { stdout, stderr } = this.#child;
    this.#printed = Promise.all([this.#follow(stdout), this.#follow(stderr)])
      .then(() => this.#ended = true);
  }

  /**
   * Starts it, and waits until its page has figures.
   *
   * @param pipeline The pipeline; derived from `pipelines/cs_student_logs.ts`.
   * @param options How it is started.
   */
  static async start(pipeline: TestPipeline, options: StartedOptions = {}): Promise<Started> {
    const dir = await Deno.makeTempDir({ prefix: "tidegate-page-" });
    const file = `${dir}/pipeline.ts`;
    const original = new URL("pipelines/cs_student_logs.ts", ROOT).href;
    await Deno.writeTextFile(
      file,
      `import pipeline from ${JSON.stringify(original)};\n` +
        `const plan = { ...pipeline.plan, ...${JSON.stringify(pipeline.plan)} };\n` +
        `export default { ...pipeline, plan };\n`,
    );
    const started = new Started(
      new Deno.Command(Deno.execPath(), {
        args: ["run", "--quiet", "--no-check", "-A"].concat(
          `--config=${new URL("deno.json", ROOT).pathname}`,
          new URL("cli/main.ts", ROOT).href,
          "start",
          ...options.args ?? [],
        ),
        env: {
          KAFKA_BROKERS: KAFKA.brokers.join(","),
          TEMPORAL_ADDRESS: TEMPORAL.address,
          TIDEGATE_WEB_UI: testVariable("TIDEGATE_TEST_WEBUI") ?? "",
          TIDEGATE_PIPELINE: file,
          TIDEGATE_DATA_DIR: new URL(".tidegate/tests", ROOT).pathname,
          TIDEGATE_PORT: "0",
          ...options.env,
        },
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
      }),
    );
    started.url = await until("the live page", () => {
      const line = started.entries.find(({ kind }) => kind === "page");
      if (line === undefined && started.#ended) throw new Error(started.lines.join(" "));
      return line?.message.replace("live page: ", "");
    }, { withinMs: 60_000, seen: () => started.lines });
    return started;
  }

  /** The lines of its log that are NDJSON. */
  get entries(): LogEntry[] {
    return this.lines.flatMap((line) => {
      try {
        // Written by `start`, so it is of this shape.
        return [JSON.parse(line) as LogEntry];
      } catch {
        return [];
      }
    });
  }

  /** All that the page shows. */
  async state(): Promise<PageState> {
    const answer = await fetch(`${this.url}api/state`);
    // Served by our own server, so it is of this shape.
    return await answer.json() as PageState;
  }

  /** The metrics. */
  async metrics(): Promise<string> {
    return await (await fetch(`${this.url}metrics`)).text();
  }

  /** Ends it and waits for its end. */
  async stop(signal: Deno.Signal = "SIGTERM"): Promise<number> {
    try {
      this.#child.kill(signal);
    } catch {
      // It has ended by itself.
    }
    await this.#printed;
    return (await this.#child.status).code;
  }

  async #follow(stream: ReadableStream<Uint8Array>): Promise<void> {
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      const parts = (rest + text).split("\n");
      rest = parts.pop() ?? "";
      this.lines.push(...parts.filter((line) => line !== ""));
    }
  }
}

/** A port that nobody listens on at the moment. */
export function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}
