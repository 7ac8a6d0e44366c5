/**
 * Loads a pipeline's definition from its file.
 *
 * @module
 */

import { errorText } from "../core/errors.ts";
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { TidegateError } from "../core/errors.ts";
import type { Pipeline } from "./define.ts";

/**
 * Loads a pipeline.
 *
 * @param file A path relative to the working directory, or a `file:` URL.
 * @returns The pipeline that the file exports as its default.
 * @throws {TidegateError} `TG_INPUT` if there is no such file, `TG_DEFINITION` if it can't be
 * loaded or doesn't define a pipeline.
 */
export async function loadPipeline(file: string): Promise<Pipeline> {
  const path = file.startsWith("file:") ? fileURLToPath(file) : resolve(file);
  try {
    await Deno.stat(path);
  } catch (cause) {
    throw new TidegateError("TG_INPUT", `Cannot load the pipeline: there is no file "${path}"`, {
      next: "Give the path of a definition, such as pipelines/cs_student_logs.ts.",
      cause,
    });
  }
  const pipeline = defaultOf(await imported(path));
  if (isPipeline(pipeline)) return pipeline;
  const got = pipeline === undefined ? "there is none" : `got ${typeof pipeline}`;
  throw new TidegateError(
    "TG_DEFINITION",
    `Cannot load the pipeline of "${path}": its default export must be a pipeline, ${got}`,
    { next: "Write: export default definePipeline({ … });" },
  );
}

async function imported(path: string): Promise<unknown> {
  try {
    return await import(pathToFileURL(path).href);
  } catch (cause) {
    if (cause instanceof TidegateError) throw cause;
    const reason = errorText(cause);
    throw new TidegateError("TG_DEFINITION", `Cannot load the pipeline of "${path}": ${reason}`, {
      next: "Correct the file; deno check names what is wrong with it.",
      cause,
    });
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
