/**
 * `deno task setup`: what a pipeline needs on its servers, made beforehand.
 *
 * @module
 */

import { createKafkaAdmin } from "../adapters/kafka/admin.ts";
import { createKafkaReader } from "../adapters/kafka/reader.ts";
import { waitFor } from "../adapters/servers.ts";
import { connectTemporal } from "../adapters/temporal/client.ts";
import { makeOutputTopics, makeSearchable } from "../processes/control/start.ts";
import { ensureSourceTopic } from "../producer/mod.ts";
import { command } from "../cli/command.ts";
import { openSession, say, SESSION_FLAGS } from "../cli/session.ts";

/** The command. */
export default command({
  name: "setup",
  summary: "Makes the pipeline's topics, the source topic too, and the search attributes",
  flags: {
    json: { type: "boolean", description: "Print one line of JSON" },
    ...SESSION_FLAGS,
  },
}, async ({ flags }) => {
  const { pipeline, kafka, temporal } = await openSession(flags);
  const { plan } = pipeline;
  const reader = createKafkaReader(kafka);
  const admin = createKafkaAdmin(kafka);
  const client = await waitFor("Temporal", () => connectTemporal(temporal), say);
  try {
    const wanted = { topic: plan.topic, partitions: pipeline.partitions };
    const make = () => ensureSourceTopic(wanted, admin, reader);
    const { partitions, created } = await waitFor("the broker", make, say);
    await makeOutputTopics(admin, plan);
    const searchAttributes = await makeSearchable(client, say);
    const report = { topic: plan.topic, partitions, created, searchAttributes };
    console.log(
      flags.json
        ? JSON.stringify(report)
        : `topic ${plan.topic}: ${partitions} partitions${created ? ", made now" : ""}; ` +
          `search attributes: ${searchAttributes ? "there" : "missing"}`,
    );
    return 0;
  } finally {
    await Promise.all([reader.close(), admin.close(), client.connection.close()]);
  }
});
