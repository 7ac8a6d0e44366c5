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
import { openSession } from "../cli/session.ts";
import { print, say } from "../cli/output.ts";
import type { Args } from "./specs.ts";

/** What the command does. */
export async function action({ flags, settings }: Args<"setup">): Promise<number> {
  const { pipeline, kafka, temporal } = await openSession(settings);
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
    print(
      flags.json
        ? JSON.stringify(report)
        : `topic ${plan.topic}: ${partitions} partitions${created ? ", made now" : ""}; ` +
          `search attributes: ${searchAttributes ? "there" : "missing"}`,
    );
    return 0;
  } finally {
    await Promise.all([reader.close(), admin.close(), client.connection.close()]);
  }
}
