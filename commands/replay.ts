/**
 * `deno task replay`: one's own data.
 *
 * @module
 */

import { createKafkaAdmin } from "../adapters/kafka/admin.ts";
import { createKafkaReader } from "../adapters/kafka/reader.ts";
import { createKafkaJsWriter } from "../adapters/kafka/kafkajs_writer.ts";
import { ensureSourceTopic, replay } from "../producer/mod.ts";
import { interrupted } from "../cli/exit.ts";
import { openSession } from "../cli/session.ts";
import { print, say } from "../cli/output.ts";
import type { Args } from "./specs.ts";

/** What the command does. */
export async function action({ flags, settings, positionals }: Args<"replay">): Promise<number> {
  const { kafka, pipeline } = await openSession(settings, "broker");
  const topic = flags.topic ?? pipeline.plan.topic;
  const admin = createKafkaAdmin(kafka);
  const reader = createKafkaReader(kafka);
  const writer = createKafkaJsWriter(kafka);
  const stop = new AbortController();
  const ctrlC = interrupted();
  void ctrlC.promise.then(() => stop.abort());
  try {
    const { partitions } = await ensureSourceTopic(
      { topic, partitions: pipeline.partitions },
      admin,
      reader,
    );
    const file = positionals[0] ?? "";
    const result = await replay({ file, pipeline, topic, partitions }, writer, {
      say,
      signal: stop.signal,
    });
    const { bad, firstBad } = result;
    if (firstBad !== null) {
      say(
        `${bad} of the lines ${
          bad === 1 ? "is" : "are"
        } no JSON object and will count as invalid; ` +
          `the first is line ${firstBad.line}: ${firstBad.reason}`,
      );
    }
    print(
      flags.json
        ? JSON.stringify(result)
        : `sent ${result.sent} records to ${topic} in ${result.seconds.toFixed(1)} s`,
    );
    return 0;
  } finally {
    ctrlC.dispose();
    await Promise.all([admin.close(), reader.close(), writer.close()]);
  }
}
