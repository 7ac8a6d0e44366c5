/**
 * `deno task start`: the control process, live.
 *
 * @module
 */

import type { Control } from "../processes/control/start.ts";
import type { TidegateError } from "../core/errors.ts";
import { controlFor, dashboardFor } from "../cli/control.ts";
import { demoLoad, demoTopic } from "../lab/demo_load.ts";

import { errorReport, interrupted, orInterrupted } from "../cli/exit.ts";
import { decisionsTo, fleetLine, loadLine } from "../cli/report.ts";
import { keep } from "../cli/keep.ts";
import { openSession, type Session } from "../cli/session.ts";
import { refusalOfSecond } from "../cli/workflows.ts";
import { createLog, say, structureErrors } from "../cli/output.ts";
import type { Args } from "./specs.ts";

/** How often the state is told, in ms. */
const STATUS_MS = 10_000;

const log = createLog();

/** What the command does. */
export async function action({ flags, settings }: Args<"start">): Promise<number> {
  if (flags.keep) {
    return await keep({ args: Deno.args.filter((arg) => !/^--keep(=|$)/.test(arg)), say });
  }
  const closing: (() => Promise<void> | void)[] = [structureErrors()];
  try {
    const session = await openSession(settings);
    // Before that, Ctrl-C just ends the process.
    const ctrlC = interrupted();
    closing.push(() => ctrlC.dispose());
    const demo = flags.demo ? demoLoad(session, (line) => log("demo", line)) : null;
    const dashboard = await dashboardFor(session, demo).catch(async (error) => {
      // A port may be taken by the control process that runs: that is what a person must know.
      throw await refusalOfSecond(session) ?? error;
    });
    closing.push(() => dashboard.stop());
    if (flags.demo) await orInterrupted(demoTopic(session, say), ctrlC.promise);
    const observers = [dashboard.watch, decisionsTo((line) => log("fleet", line))];
    const control = await orInterrupted(
      controlFor(session, flags, "live", observers),
      ctrlC.promise,
    );
    closing.push(() => control.stop());
    await dashboard.attach(control);
    log("page", `live page: ${dashboard.url}`);
    const lost = await untilEnd(session, control, ctrlC.promise);
    dashboard.ending(lost?.message ?? null);
    if (lost !== undefined) say(errorReport(lost));
    log("stopping", "workers answer with what they have; all state stays in Temporal");
    return lost === undefined ? 0 : 1;
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

/** Tells the state now and then, until Ctrl-C, or until the control process can't go on. */
async function untilEnd(
  { pipeline: { plan }, webUi }: Session,
  control: Control,
  interrupt: Promise<void>,
): Promise<TidegateError | undefined> {
  const { pipeline, topic } = plan;
  log("started", `pipeline ${pipeline}, generation ${control.generation}, topic ${topic}`);
  if (webUi !== null) log("webui", `Temporal Web UI: ${webUi}`);
  const timer = setInterval(() => {
    const line = loadLine(control.load);
    if (line !== null) log("status", `${line}  ${fleetLine(control.fleet)}`);
  }, STATUS_MS);
  const lost = await Promise.race([interrupt, control.lost]);
  clearInterval(timer);
  return lost ?? undefined;
}
