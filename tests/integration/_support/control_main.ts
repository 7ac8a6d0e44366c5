/**
 * A control process for tests, started as a child: it takes its options as the first line of
 * standard input and commands as further ones, and tells on standard output what happens, a JSON
 * object a line. It ends when its standard input is closed.
 *
 * @module
 */

import { type ControlOptions, startControl } from "../../../processes/control/start.ts";
import { TidegateError } from "../../../core/errors.ts";
import type { Plan } from "../../../core/plan.ts";
import type { WorkerSlot } from "../../../adapters/launchers/launcher.ts";
import { loadPipeline } from "../../../definition/load.ts";

/** What a test starts a control process with. */
export interface ControlMainOptions extends Omit<ControlOptions, "pipeline" | "say"> {
  /** The plan, derived from the definition in `pipelineFile`. */
  readonly plan: Plan;
}

/** What a test may ask of it. */
export type ControlCommand =
  | { readonly do: "workers"; readonly count: number }
  | { readonly do: "slots" }
  | { readonly do: "stop" };

/** What it tells. */
export type ControlEvent =
  | { readonly event: "up"; readonly generation: number }
  | { readonly event: "failed"; readonly code: string; readonly message: string }
  | { readonly event: "lost"; readonly code: string; readonly message: string }
  | { readonly event: "say"; readonly line: string }
  | { readonly event: "slots"; readonly slots: readonly WorkerSlot[] };

function tell(event: ControlEvent): void {
  console.log(JSON.stringify(event));
}

function failure(error: unknown) {
  const code = error instanceof TidegateError ? error.code : "";
  return { code, message: error instanceof Error ? error.stack ?? error.message : String(error) };
}

async function* lines(input: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of input.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
}

async function main(): Promise<void> {
  const input = lines(Deno.stdin.readable);
  const first = await input.next();
  if (first.done) return;
  // Written by test_control.ts, so it is of this shape.
  const { plan, ...options } = JSON.parse(first.value) as ControlMainOptions;
  const pipeline = { ...await loadPipeline(options.pipelineFile), plan };
  const say = (line: string) => tell({ event: "say", line });
  const control = await startControl({ ...options, pipeline, say });
  tell({ event: "up", generation: control.generation });
  void control.lost.then((error) => tell({ event: "lost", ...failure(error) }));
  for await (const line of input) {
    const command = JSON.parse(line) as ControlCommand;
    if (command.do === "stop") break;
    if (command.do === "workers") await control.workflows.override(command.count);
    tell({ event: "slots", slots: control.fleet.slots });
  }
  await control.stop();
}

if (import.meta.main) {
  try {
    await main();
    Deno.exit(0);
  } catch (error) {
    tell({ event: "failed", ...failure(error) });
    Deno.exit(1);
  }
}
