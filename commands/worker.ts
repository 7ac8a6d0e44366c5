/**
 * `deno task worker`: a worker of its own, where no control process starts it.
 *
 * @module
 */

import { waitFor } from "../adapters/servers.ts";
import { connectTemporal } from "../adapters/temporal/client.ts";
import { createPipelineClient } from "../adapters/temporal/pipeline_client.ts";
import { codeOf, leasedCode } from "../definition/code_hash.ts";
import type { TidegateError } from "../core/errors.ts";
import { runPlanOf } from "../core/plan.ts";
import { externalIdentity } from "../processes/launchers.ts";
import { startWorker } from "../processes/worker.ts";
import { errorReport, interrupted, orInterrupted } from "../cli/exit.ts";
import { openSession } from "../cli/session.ts";
import { Admission, FollowingWorker } from "../processes/admission.ts";
import { handleStrayErrors } from "../processes/stray_errors.ts";
import { serveHealth } from "../processes/worker_health.ts";
import { createLog, say } from "../cli/output.ts";
import type { Args } from "./specs.ts";

/** How long a worker may take to leave: its sweep has 20 s, in ms. */
const LEAVE_MS = 25_000;

const log = createLog();

/** What the command does. */
export async function action({ flags, settings }: Args<"worker">): Promise<number> {
  const { pipeline, pipelineFile, kafka, temporal, config } = await openSession(settings, "ask");
  const { plan } = pipeline;
  const code = await codeOf(pipelineFile, { cacheDir: config.dataDir });
  const ctrlC = interrupted();
  let worker: FollowingWorker | null = null;
  const port = flags["health-port"];
  using health = port === undefined ? null : serveHealth({
    hostname: config.host,
    port,
    ready: () => worker !== null && worker.generation !== null,
  });
  const flooded = Promise.withResolvers<TidegateError>();
  using _ = handleStrayErrors({ say, stop: flooded.resolve });
  if (health !== null) log("health", `answers on http://${health.address}`);
  const connect = () => connectTemporal(temporal);
  const client = await orInterrupted(waitFor("Temporal", connect, say), ctrlC.promise);
  try {
    log("started", `a worker of pipeline ${plan.pipeline}`);
    const following = worker = new FollowingWorker({
      admission: new Admission(createPipelineClient(client, plan), plan, leasedCode(code)),
      start: (admitted, heard) =>
        startWorker({
          ...admitted,
          pipeline,
          plan: runPlanOf(plan),
          kafka,
          temporal,
          identity: externalIdentity(plan.pipeline),
          progress: heard,
        }),
      say: (line) => log("worker", line),
    });
    const failed = await Promise.race([ctrlC.promise, following.failed, flooded.promise]);
    worker = null;
    if (failed !== undefined) say(errorReport(failed));
    log("stopping", "answers with what it has");
    const late = setTimeout(() => Deno.exit(1), LEAVE_MS);
    await following.stop();
    clearTimeout(late);
    if (failed !== undefined) throw failed;
    return 0;
  } finally {
    ctrlC.dispose();
    await client.connection.close();
  }
}
