/** A check whose program can't be had says so by an exit code of its own. */

import { errorText } from "../../core/errors.ts";
import { TidegateError } from "../../core/errors.ts";

/** The exit code of a check that could not be made: neither passed nor failed. */
export const UNCHECKED = 2;

/**
 * Makes a check; ends the process with {@linkcode UNCHECKED} if what checks can't be built here.
 *
 * @param check The check.
 * @returns Whether it has passed; false if it has thrown anything else.
 */
export async function orUnchecked(check: () => Promise<boolean>): Promise<boolean> {
  try {
    return await check();
  } catch (error) {
    console.error(errorText(error));
    // A builder that is not installed can't be spawned.
    const missing = error instanceof Deno.errors.NotFound ||
      (error instanceof TidegateError &&
        (error.code === "TG_BUILD_FAILED" || error.code === "TG_TOOL_MISSING"));
    if (!missing) return false;
    console.error("not checked");
    Deno.exit(UNCHECKED);
  }
}
