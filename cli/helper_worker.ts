/**
 * A worker that runs a pipeline's workflow tasks where no control process does, for as long as a
 * command asks. Loaded when it is needed.
 *
 * @module
 */

import { createControlActivities } from "../activities/create_activities.ts";
import type { LogReader } from "../adapters/kafka/log.ts";
import { createKafkaWriter } from "../adapters/kafka/writer.ts";
import { createWindowClient } from "../adapters/temporal/window_client.ts";
import { workflowBundle } from "../adapters/temporal/bundle.ts";
import type { Client } from "../adapters/temporal/client.ts";
import { startControlWorker } from "../adapters/temporal/workers.ts";
import { say } from "./output.ts";
import type { Session } from "./session.ts";

/** Starts the worker; gives what stops it. */
export async function startHelperWorker(
  { pipeline: { plan: { pipeline } }, temporal, kafka, config }: Session,
  client: Client,
  reader: LogReader,
): Promise<() => Promise<void>> {
  const writer = createKafkaWriter(kafka);
  try {
    const worker = await startControlWorker({
      temporal,
      pipeline,
      bundlePath: await workflowBundle(config.dataDir, say),
      activities: createControlActivities({
        reader,
        writer,
        windows: createWindowClient(client),
        fleet: null,
      }),
      identity: `${pipeline}-reader-${Deno.pid}`,
      remoteActivities: false,
    });
    return async () => {
      await worker.stop();
      await writer.close();
    };
  } catch (error) {
    await writer.close();
    throw error;
  }
}
