/**
 * Loads a pipeline's definition from its file.
 *
 * @module
 */

import { resolve } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { errorText, TidegateError } from "../core/errors.ts";
import type { Pipeline } from "./define.ts";

/** How long a file may take to load: its top-level `await` might never end. */
const LOAD_MS = 20_000;

/**
 * Loads the pipeline that a file exports as its default.
 *
 * @param file A path relative to the working directory, or a `file:` URL.
 * @param withinMs How long it may take to load, in ms.
 * @throws {TidegateError} `TG_INPUT` if there is no such file, `TG_DEFINITION` if it can't be
 * loaded or doesn't define a pipeline.
 */
export async function loadPipeline(file: string, withinMs = LOAD_MS): Promise<Pipeline> {
  const path = file.startsWith("file:") ? fileURLToPath(file) : resolve(file);
  try {
    await Deno.stat(path);
  } catch (cause) {
    throw new TidegateError("TG_INPUT", `Cannot load the pipeline: there is no file "${path}"`, {
      next: "Give the path of a definition, such as pipelines/cs_student_logs.ts.",
      cause,
    });
  }
  const pipeline = defaultOf(await imported(path, withinMs));
  if (isPipeline(pipeline)) return pipeline;
  const got = pipeline === undefined ? "there is none" : `got ${typeof pipeline}`;
  throw new TidegateError(
    "TG_DEFINITION",
    `Cannot load the pipeline of "${path}": its default export must be a pipeline, ${got}`,
    { next: "Write: export default definePipeline({ … });" },
  );
}

async function imported(path: string, withinMs: number): Promise<unknown> {
  const loaded = new AbortController();
  const { signal } = loaded;
  const late = setTimeout(withinMs, undefined, { signal }).then(() => {
    throw new TidegateError(
      "TG_DEFINITION",
      `Cannot load the pipeline of "${path}": it has not finished loading after ${withinMs} ms`,
      { next: "See what its top-level await waits for." },
    );
  });
  try {
    return await Promise.race([import(pathToFileURL(path).href), late]);
  } catch (cause) {
    if (cause instanceof TidegateError) throw cause;
    const reason = errorText(cause);
    throw new TidegateError("TG_DEFINITION", `Cannot load the pipeline of "${path}": ${reason}`, {
      next: "Correct the file; deno check names what is wrong with it.",
      cause,
    });
  } finally {
    loaded.abort();
  }
}

function defaultOf(module: unknown): unknown {
  if (typeof module !== "object" || module === null || !("default" in module)) return undefined;
  return module.default;
}

/** Tells by its shape, since a definition may come with a `define.ts` of its own. */
function isPipeline(value: unknown): value is Pipeline {
  return typeof value === "object" && value !== null &&
    "plan" in value && typeof value.plan === "object" && value.plan !== null &&
    "pipeline" in value.plan && typeof value.plan.pipeline === "string" &&
    "reader" in value && typeof value.reader === "object" && value.reader !== null &&
    "check" in value.reader && typeof value.reader.check === "function";
}
