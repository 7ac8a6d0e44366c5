/**
 * `deno task produce`: generated load.
 *
 * @module
 */

import { createKafkaAdmin } from "../adapters/kafka/admin.ts";
import { createKafkaReader } from "../adapters/kafka/reader.ts";
import { createKafkaWriter } from "../adapters/kafka/writer.ts";
import { ensureSourceTopic, produce } from "../producer/mod.ts";
import { command } from "../cli/command.ts";
import { interrupted } from "../cli/exit.ts";
import { openSession, say, SESSION_FLAGS } from "../cli/session.ts";

/** The command. */
export default command({
  name: "produce",
  summary: "Sends generated events to the pipeline's source topic",
  flags: {
    rate: {
      type: "number",
      min: 0.001,
      default: 10,
      description: "Events per second and producer",
    },
    seconds: { type: "number", min: 0, description: "How long; until Ctrl-C if left out" },
    producers: {
      type: "number",
      integer: true,
      min: 1,
      default: 1,
      description: "How many producers",
    },
    seed: { type: "number", integer: true, default: 1, description: "Same seed, same events" },
    disorder: { type: "duration", default: "0", description: "Event times lie back by up to this" },
    late: { type: "percent", default: "0%", description: "Share of events behind the watermark" },
    invalid: {
      type: "percent",
      default: "0%",
      description: "Share of records that break the schema",
    },
    skewed: { type: "percent", default: "0%", description: "Share of events from the future" },
    duplicates: { type: "percent", default: "0%", description: "Share of records sent twice" },
    count: { type: "number", integer: true, min: 0, description: "How many, as fast as possible" },
    from: { type: "instant", description: "Event time of the first, sent as fast as possible" },
    topic: { type: "string", description: "Another topic than the pipeline's source topic" },
    json: { type: "boolean", description: "Print a summary as JSON" },
    ...SESSION_FLAGS,
  },
}, async ({ flags }) => {
  const { kafka, pipeline } = await openSession(flags, "broker");
  const topic = flags.topic ?? pipeline.plan.topic;
  const admin = createKafkaAdmin(kafka);
  const reader = createKafkaReader(kafka);
  const writer = createKafkaWriter(kafka);
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
    console.log(
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
});
