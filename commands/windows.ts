/**
 * `deno task windows`: the rows of open and closed windows.
 *
 * @module
 */

import { TidegateError } from "../core/errors.ts";
import { lookAt, lookAtWindows } from "./_account.ts";
import { command } from "./_command.ts";
import { emittedRows, type OpenRow, openRows, rowLines } from "./_rows.ts";
import { openSession, SESSION_FLAGS } from "./_session.ts";
import { withWorkflows } from "./_workflows.ts";

/** The command. */
export default command({
  name: "windows",
  summary: "Shows the rows of open and closed windows",
  flags: {
    open: { type: "boolean", description: "Open windows only, as they stand" },
    closed: { type: "boolean", description: "Emitted rows only, in their last revision" },
    json: { type: "boolean", description: "Print one row a line as JSON" },
    ...SESSION_FLAGS,
  },
}, async ({ flags }) => {
  if (flags.open && flags.closed) {
    throw new TidegateError("TG_USAGE", "Cannot show windows: give --open or --closed, not both");
  }
  const session = await openSession(flags, "ask");
  const { plan } = session.pipeline;
  const rows = await withWorkflows(session, async ({ workflows, supervisor, reader }) => {
    const { generation } = supervisor;
    const found: OpenRow[] = flags.open ? [] : await emittedRows(reader, plan, generation);
    if (!flags.closed) {
      const snapshot = await lookAt(workflows, generation);
      const { clock } = snapshot;
      const open = await lookAtWindows(workflows, generation, snapshot);
      const waiting = open.filter((window) => window.emissions === 0);
      found.push(...openRows(plan, generation, clock, flags.open ? open : waiting, Date.now()));
    }
    return found;
  });
  const lines = flags.json ? rows.map((row) => JSON.stringify(row)) : rowLines(rows);
  lines.forEach((line) => console.log(line));
  return 0;
});
