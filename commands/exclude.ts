/**
 * `deno task exclude`: gives a partition up.
 *
 * @module
 */

import { TidegateError } from "../core/errors.ts";
import { openSession } from "../cli/session.ts";
import { withWorkflows } from "../cli/workflows.ts";
import { print } from "../cli/output.ts";
import type { Args } from "./specs.ts";

/** What the command does. */
export async function action({ flags, settings }: Args<"exclude">): Promise<number> {
  const { partition } = flags;
  if (partition === undefined) {
    throw new TidegateError("TG_USAGE", "Cannot exclude: --partition is missing");
  }
  const session = await openSession(settings, "ask");
  const view = await withWorkflows(
    session,
    ({ workflows, supervisor }) => workflows.exclude(supervisor.generation, partition),
  );
  print(
    flags.json
      ? JSON.stringify(view)
      : `partition ${partition} is excluded at offset ${view.cursor}; ` +
        `deno task resume --partition ${partition} takes it back`,
  );
  return 0;
}
