/**
 * `deno task windows`: the rows of open and closed windows.
 *
 * @module
 */

import { TidegateError } from "../core/errors.ts";
import { lastRows, openRows, rowLines, writtenRows } from "../cli/rows.ts";
import { openSession } from "../cli/session.ts";
import { allOf } from "../cli/audit.ts";
import { withWorkflows } from "../cli/workflows.ts";
import { print, say } from "../cli/output.ts";
import type { Args } from "./specs.ts";

/** What the command does. */
export async function action({ flags, settings }: Args<"windows">): Promise<number> {
  if (flags.open && flags.closed) {
    throw new TidegateError("TG_USAGE", "Cannot show windows: give --open or --closed, not both");
  }
  const session = await openSession(settings, "ask");
  const { plan } = session.pipeline;
  const { rows, view } = await withWorkflows(session, async ({ drain, generation, reader }) => {
    const view = await drain.view();
    const written = flags.open
      ? []
      : writtenRows((await lastRows(reader, plan, generation)).rows, view);
    if (flags.closed) return { rows: written, view };
    const asked = await allOf(
      view.open.filter(({ n, broken }) => n > 0 && broken === null),
      ({ start, shard }) => drain.window(start, shard),
    );
    const windows = asked.filter((window) => window !== null)
      // Those that have emitted stand among the written rows, unless only the open ones are wanted.
      .filter(({ emissions }) => flags.open || emissions === 0);
    return { rows: [...written, ...openRows(plan, generation, view, windows)], view };
  });
  const lines = flags.json ? rows.map((row) => JSON.stringify(row)) : rowLines(rows);
  // One write: there may be tens of thousands.
  if (lines.length > 0) print(lines.join("\n"));
  const waiting = view.open.reduce((sum, window) => sum + window.waiting, 0);
  if (!flags.closed && waiting > 0) {
    say(`${waiting} events of open windows are on their way to them, and in no row yet`);
  }
  return 0;
}
