/**
 * `deno task run --until-drained`: drains what is there now, and ends.
 *
 * @module
 */

import { TidegateError } from "../core/errors.ts";
import { gatherAccount } from "../cli/account.ts";
import { controlFor } from "../cli/control.ts";
import { untilDrained } from "../cli/drained.ts";
import { interrupted, orInterrupted } from "../cli/exit.ts";
import { accountLines, statusLine } from "../cli/report.ts";
import { openSession, say } from "../cli/session.ts";
import type { Args } from "./specs.ts";

/** How often the progress is told, in ms. */
const PROGRESS_MS = 2_000;

/** What the command does. */
export async function action({ flags, settings }: Args<"run">): Promise<number> {
  if (!flags["until-drained"]) {
    throw new TidegateError("TG_USAGE", "Cannot run without --until-drained", {
      next: "To run without an end, use: deno task start",
    });
  }
  const session = await openSession(settings);
  const ctrlC = interrupted();
  const control = await orInterrupted(
    controlFor(session, { ...flags, workers: flags.workers ?? 1 }, "drain"),
    ctrlC.promise,
  );
  let told = performance.now();
  try {
    const end = await untilDrained(control, {
      flush: flags.flush,
      interrupted: ctrlC.promise,
      onLook: (snapshot) => {
        if (performance.now() < told + PROGRESS_MS) return;
        told = performance.now();
        say(statusLine(snapshot));
      },
    });
    if (end === undefined) say("interrupted: what is drained stays drained; run again to go on");
    const account = await gatherAccount(control.workflows, control.generation);
    if (flags.json) console.log(JSON.stringify(account));
    else {
      accountLines(account).forEach((line) => console.log(line));
      const { resultsTopic } = session.pipeline.plan;
      say(`the rows are in topic ${resultsTopic}; see them with: deno task windows`);
    }
    return end !== undefined && account.ok ? 0 : 1;
  } finally {
    await control.stop();
    ctrlC.dispose();
  }
}
