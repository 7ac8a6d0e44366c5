/**
 * `deno task audit`: does the account hold?
 *
 * @module
 */

import { gatherAccount } from "../cli/account.ts";
import { accountLines } from "../cli/report.ts";
import { openSession } from "../cli/session.ts";
import { withWorkflows } from "../cli/workflows.ts";
import { print } from "../cli/output.ts";
import type { Args } from "./specs.ts";

/** What the command does. */
export async function action({ flags, settings }: Args<"audit">): Promise<number> {
  const session = await openSession(settings, "ask");
  const account = await withWorkflows(
    session,
    ({ workflows, supervisor }) => gatherAccount(workflows, supervisor.generation),
  );
  if (flags.json) print(JSON.stringify(account));
  else accountLines(account).forEach(print);
  return account.ok ? 0 : 1;
}
