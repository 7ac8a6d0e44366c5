/**
 * `deno task resume`: lets a stopped partition go on.
 *
 * @module
 */

import { TidegateError } from "../core/errors.ts";
import { command } from "../cli/command.ts";
import { openSession, SESSION_FLAGS } from "../cli/session.ts";
import { withWorkflows } from "../cli/workflows.ts";

/** The command. */
export default command({
  name: "resume",
  summary: "Lets a stopped or excluded partition go on; what is skipped is counted",
  flags: {
    partition: { type: "number", integer: true, min: 0, description: "The partition" },
    from: {
      type: "string",
      default: "cursor",
      placeholder: "POSITION",
      description: "cursor, earliest, latest, or an offset at or after the cursor",
    },
    json: { type: "boolean", description: "Print the partition's state as JSON" },
    ...SESSION_FLAGS,
  },
}, async ({ flags }) => {
  const { partition } = flags;
  if (partition === undefined) {
    throw new TidegateError("TG_USAGE", "Cannot resume: --partition is missing");
  }
  const session = await openSession(flags, "ask");
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
  console.log(
    flags.json
      ? JSON.stringify(view)
      : `partition ${partition} goes on from ${view.cursor}; ${view.skippedOffsets} offsets skipped`,
  );
  return 0;
});
