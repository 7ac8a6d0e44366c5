/**
 * `deno task setup`: what a pipeline needs on its servers, made beforehand.
 *
 * @module
 */

import { createKafkaAdmin } from "../adapters/kafka/admin.ts";
import type { LogAdmin, LogReader } from "../adapters/kafka/log.ts";
import { createKafkaReader } from "../adapters/kafka/reader.ts";
import { waitFor } from "../adapters/servers.ts";
import { connectTemporal } from "../adapters/temporal/client.ts";
import { makeSearchable } from "../adapters/temporal/server.ts";
import { groupId } from "../core/ids.ts";
import type { Plan } from "../core/plan.ts";
import { makeOutputTopics } from "../processes/control/topics.ts";
import { ensureSourceTopic } from "../producer/mod.ts";
import { openSession } from "../cli/session.ts";
import { print, say } from "../cli/output.ts";
import type { Args } from "./specs.ts";

/**
 * Commits where the pipeline will begin, for the partitions that have no committed offset: a scaler
 * such as KEDA would count all of the topic as lag otherwise, also what is never read.
 */
async function showStart(
  { pipeline, topic, from }: Plan,
  partitions: number,
  { admin, reader }: { readonly admin: LogAdmin; readonly reader: LogReader },
): Promise<void> {
  const known = await admin.committedOffsets(groupId(pipeline), topic);
  const starts = new Map<number, number>();
  for (let partition = 0; partition < partitions; partition++) {
    if (known.has(partition)) continue;
    const { start, end } = await reader.offsets(topic, partition);
    starts.set(
      partition,
      from === "earliest"
        ? start
        : from === "latest"
        ? end
        : await reader.offsetAt(topic, partition, from),
    );
  }
  if (starts.size > 0) await admin.commitOffsets(groupId(pipeline), topic, starts);
}

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
    await showStart(plan, partitions, { admin, reader });
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
