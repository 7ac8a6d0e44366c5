/**
 * `deno task start`: the control process, live.
 *
 * @module
 */

import { lookAt } from "./_account.ts";
import { command } from "./_command.ts";
import { CONTROL_FLAGS, controlFor } from "./_control.ts";
import { decisionsTo, fleetLine } from "./_fleet.ts";
import { errorText, interrupted, orInterrupted } from "./_exit.ts";
import { log } from "./_log.ts";
import { statusLine } from "./_report.ts";
import { openSession, say, SESSION_FLAGS } from "./_session.ts";

/** How often the state is told, in ms. */
const STATUS_MS = 10_000;

/** The command. */
export default command({
  name: "start",
  summary: "Runs the pipeline: the control process and its workers, until Ctrl-C",
  flags: { ...CONTROL_FLAGS, ...SESSION_FLAGS },
}, async ({ flags }) => {
  const session = await openSession(flags);
  const ctrlC = interrupted();
  const control = await orInterrupted(
    controlFor(session, flags, "live", [decisionsTo((line) => log("fleet", line))]),
    ctrlC.promise,
  );
  const { pipeline, topic } = session.pipeline.plan;
  log("started", `pipeline ${pipeline}, generation ${control.generation}, topic ${topic}`);
  if (session.webUi !== null) log("webui", `Temporal Web UI: ${session.webUi}`);
  const timer = setInterval(() => {
    lookAt(control.workflows, control.generation)
      .then((snapshot) => log("status", `${statusLine(snapshot)}  ${fleetLine(control.fleet)}`))
      .catch((error: Error) => log("error", `cannot look at the pipeline: ${error.message}`));
  }, STATUS_MS);
  const lost = await Promise.race([ctrlC.promise, control.lost]);
  clearInterval(timer);
  if (lost !== undefined) say(errorText(lost));
  log("stopping", "workers finish their slices; all state stays in Temporal");
  await control.stop();
  ctrlC.dispose();
  return lost === undefined ? 0 : 1;
});
