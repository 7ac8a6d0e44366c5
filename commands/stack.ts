/**
 * `deno task stack`: the local servers.
 *
 * @module
 */

import { STACK_ACTIONS, stackCommand } from "../devstack/mod.ts";
import { TidegateError } from "../core/errors.ts";
import { readConfig, stackOptions } from "../cli/session.ts";
import type { Args } from "./specs.ts";

/** What the command does. */
export async function action({ flags, positionals }: Args<"stack">): Promise<number> {
  const action = STACK_ACTIONS.find((known) => known === positionals[0]);
  if (action === undefined) {
    throw new TidegateError(
      "TG_USAGE",
      `Cannot run stack: the action must be one of ${STACK_ACTIONS.join(", ")}, got "${
        positionals[0]
      }"`,
    );
  }
  const options = stackOptions(readConfig(flags));
  return await stackCommand({ action, json: flags.json, options }, console.log);
}
