/**
 * `deno task produce`: generated load.
 *
 * @module
 */

import { createKafkaAdmin } from "../adapters/kafka/admin.ts";
import { createKafkaReader } from "../adapters/kafka/reader.ts";
import { createKafkaJsWriter } from "../adapters/kafka/kafkajs_writer.ts";
import { ensureSourceTopic, produce } from "../producer/mod.ts";
import { interrupted } from "../cli/exit.ts";
import { openSession } from "../cli/session.ts";
import { print, say } from "../cli/output.ts";
import type { Args } from "./specs.ts";

/** What the command does. */
export async function action({ flags, settings }: Args<"produce">): Promise<number> {
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
    const { rate, producers, seed, seconds, count, from } = flags;
    const result = await produce(
      {
        pipeline,
        topic,
        rate,
        producers,
        seed,
        partitions,
        disorderMs: flags.disorder,
        lateShare: flags.late,
        invalidShare: flags.invalid,
        skewedShare: flags.skewed,
        duplicateShare: flags.duplicates,
        ...(seconds === undefined ? {} : { seconds }),
        ...(count === undefined ? {} : { count }),
        ...(from === undefined ? {} : { fromMs: from }),
      },
      writer,
      { say, signal: stop.signal },
    );
    print(
      flags.json
        ? JSON.stringify(result)
        : `sent ${result.sent} records to ${topic} in ${result.seconds.toFixed(1)} s ` +
          `(${Math.round(result.rate)}/s, seed ${result.seed})`,
    );
    return 0;
  } finally {
    ctrlC.dispose();
    await Promise.all([admin.close(), reader.close(), writer.close()]);
  }
}
