/**
 * `deno task resume`: lets a stopped partition go on.
 *
 * @module
 */

import { TidegateError } from "../core/errors.ts";
import { openSession } from "../cli/session.ts";
import { withWorkflows } from "../cli/workflows.ts";
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
  const view = await withWorkflows(session, async ({ workflows, supervisor, reader }) => {
    const { generation } = supervisor;
    const { cursor } = await workflows.drain(generation, partition);
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
    return await workflows.resume(generation, partition, from);
  });
  print(
    flags.json
      ? JSON.stringify(view)
      : `partition ${partition} goes on from ${view.cursor}; ${view.skippedOffsets} offsets skipped`,
  );
  return 0;
}
