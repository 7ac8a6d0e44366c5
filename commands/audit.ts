/**
 * `deno task audit`: does the account hold?
 *
 * @module
 */

import { auditGeneration } from "../cli/audit.ts";
import { auditLines } from "../cli/report.ts";
import { openSession } from "../cli/session.ts";
import { withWorkflows } from "../cli/workflows.ts";
import { print } from "../cli/output.ts";
import type { Args } from "./specs.ts";

/** What the command does. */
export async function action({ flags, settings }: Args<"audit">): Promise<number> {
  const session = await openSession(settings, "ask");
  const { plan } = session.pipeline;
  const audit = await withWorkflows(session, (asking) => auditGeneration(asking, plan));
  if (flags.json) print(JSON.stringify(audit));
  else auditLines(audit).forEach(print);
  return audit.ok ? 0 : 1;
}
