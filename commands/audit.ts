/**
 * `deno task audit`: does the account hold?
 *
 * @module
 */

import { gatherAccount } from "../cli/account.ts";
import { command } from "../cli/command.ts";
import { accountLines } from "../cli/report.ts";
import { openSession, SESSION_FLAGS } from "../cli/session.ts";
import { withWorkflows } from "../cli/workflows.ts";

/** The command. */
export default command({
  name: "audit",
  summary: "Adds the account up: exit 1 if anything was lost, doubled or dropped",
  flags: {
    json: { type: "boolean", description: "Print the account as JSON" },
    ...SESSION_FLAGS,
  },
}, async ({ flags }) => {
  const session = await openSession(flags, "ask");
  const account = await withWorkflows(
    session,
    ({ workflows, supervisor }) => gatherAccount(workflows, supervisor.generation),
  );
  if (flags.json) console.log(JSON.stringify(account));
  else accountLines(account).forEach((line) => console.log(line));
  return account.ok ? 0 : 1;
});
