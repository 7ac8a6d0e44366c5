/**
 * `deno task resume`: lets a stopped partition go on.
 *
 * @module
 */

import { TidegateError } from "../core/errors.ts";
import { openSession } from "../cli/session.ts";
import { partitionOf, withWorkflows } from "../cli/workflows.ts";
import { print } from "../cli/output.ts";
import type { Args } from "./specs.ts";

/** What the command does. */
export async function action({ flags, settings }: Args<"resume">): Promise<number> {
  const { partition } = flags;
  if (partition === undefined) {
    throw new TidegateError("TG_USAGE", "Cannot resume: --partition is missing");
  }
  const session = await openSession(settings, "ask");
  const { topic } = session.pipeline.plan;
  const view = await withWorkflows(session, async ({ drain, reader }) => {
    const { cursor } = partitionOf(await drain.view(), partition);
    const { start, end } = await reader.offsets(topic, partition);
    const named: Record<string, number> = { cursor, earliest: start, latest: end };
    const from = named[flags.from] ?? Number(flags.from);
    if (!Number.isSafeInteger(from) || from < start || from > end) {
      throw new TidegateError(
        "TG_USAGE",
        `Cannot resume partition ${partition} from ${flags.from}: must be cursor, earliest, ` +
          `latest, or an offset in [${start}, ${end}]`,
      );
    }
    return await drain.resume(partition, from);
  });
  const resumed = partitionOf(view, partition);
  print(
    flags.json
      ? JSON.stringify(resumed)
      : `partition ${partition} goes on from ${resumed.cursor}; ` +
        `${resumed.skippedOffsets} offsets skipped`,
  );
  return 0;
}
