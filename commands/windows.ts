/**
 * `deno task windows`: the rows of open and closed windows.
 *
 * @module
 */

import { TidegateError } from "../core/errors.ts";
import { lookAt, lookAtWindows } from "../cli/account.ts";
import { emittedRows, openRows, rowLines } from "../cli/rows.ts";
import { openSession } from "../cli/session.ts";
import { withWorkflows } from "../cli/workflows.ts";
import { print } from "../cli/output.ts";
import type { Args } from "./specs.ts";

/** What the command does. */
export async function action({ flags, settings }: Args<"windows">): Promise<number> {
  if (flags.open && flags.closed) {
    throw new TidegateError("TG_USAGE", "Cannot show windows: give --open or --closed, not both");
  }
  const session = await openSession(settings, "ask");
  const { plan } = session.pipeline;
  const { emitted, open } = await withWorkflows(
    session,
    async ({ workflows, supervisor, reader }) => {
      const { generation } = supervisor;
      const emitted = flags.open ? [] : await emittedRows(reader, plan, generation);
      if (flags.closed) return { emitted, open: [] };
      const snapshot = await lookAt(workflows, generation);
      const windows = await lookAtWindows(workflows, generation, snapshot);
      // Those that have emitted stand among the emitted rows, unless only the open ones are wanted.
      const wanted = flags.open ? windows : windows.filter((window) => window.emissions === 0);
      return { emitted, open: openRows(plan, generation, snapshot.clock, wanted, Date.now()) };
    },
  );
  const lines = flags.json
    ? [...emitted, ...open].map((row) => JSON.stringify(row))
    : rowLines(emitted, open);
  // One write: there may be tens of thousands.
  if (lines.length > 0) print(lines.join("\n"));
  return 0;
}
