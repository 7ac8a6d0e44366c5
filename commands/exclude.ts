/**
 * `deno task exclude`: gives a partition up.
 *
 * @module
 */

import { TidegateError } from "../core/errors.ts";
import { command } from "../cli/command.ts";
import { openSession, SESSION_FLAGS } from "../cli/session.ts";
import { withWorkflows } from "../cli/workflows.ts";

/** The command. */
export default command({
  name: "exclude",
  summary: "Gives a partition up: the watermark no longer waits for it",
  flags: {
    partition: { type: "number", integer: true, min: 0, description: "The partition" },
    json: { type: "boolean", description: "Print the partition's state as JSON" },
    ...SESSION_FLAGS,
  },
}, async ({ flags }) => {
  const { partition } = flags;
  if (partition === undefined) {
    throw new TidegateError("TG_USAGE", "Cannot exclude: --partition is missing");
  }
  const session = await openSession(flags, "ask");
  const view = await withWorkflows(
    session,
    ({ workflows, supervisor }) => workflows.exclude(supervisor.generation, partition),
  );
  console.log(
    flags.json
      ? JSON.stringify(view)
      : `partition ${partition} is excluded at offset ${view.cursor}; ` +
        `deno task resume --partition ${partition} takes it back`,
  );
  return 0;
});
