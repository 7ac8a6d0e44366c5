/**
 * `deno task exclude`: gives a partition up.
 *
 * @module
 */

import { TidegateError } from "../core/errors.ts";
import { openSession } from "../cli/session.ts";
import { partitionOf, withWorkflows } from "../cli/workflows.ts";
import { print } from "../cli/output.ts";
import type { Args } from "./specs.ts";

/** What the command does. */
export async function action({ flags, settings }: Args<"exclude">): Promise<number> {
  const { partition } = flags;
  if (partition === undefined) {
    throw new TidegateError("TG_USAGE", "Cannot exclude: --partition is missing");
  }
  const session = await openSession(settings, "ask");
  const view = await withWorkflows(session, ({ drain }) => drain.exclude(partition));
  const excluded = partitionOf(view, partition);
  print(
    flags.json
      ? JSON.stringify(excluded)
      : `partition ${partition} is excluded at offset ${excluded.cursor}; ` +
        `deno task resume --partition ${partition} takes it back`,
  );
  return 0;
}
