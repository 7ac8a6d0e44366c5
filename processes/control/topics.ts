/**
 * The topics of a pipeline: the source and where a generation begins in it, and those that it
 * writes to.
 *
 * @module
 */

import type { LogAdmin, LogReader, TopicInfo } from "../../adapters/kafka/log.ts";
import { TidegateError } from "../../core/errors.ts";
import type { PartitionStart } from "../../core/flow/drain.ts";
import type { Plan, StartPosition } from "../../core/plan.ts";

/**
 * Looks at the source topic.
 *
 * @throws {TidegateError} `TG_TOPIC_MISSING`
 */
export async function sourceTopic(reader: LogReader, topic: string): Promise<TopicInfo> {
  const info = await reader.describe(topic);
  if (info !== null) return info;
  throw new TidegateError("TG_TOPIC_MISSING", `Source topic ${topic} does not exist`, {
    next: "Correct its name, or let deno task replay FILE make it of your data, or " +
      "deno task produce of generated events.",
  });
}

/** Makes the topics that a pipeline writes to, where they are missing. */
export async function makeOutputTopics(admin: LogAdmin, plan: Plan): Promise<void> {
  const side = { "cleanup.policy": "compact,delete" };
  await admin.createTopics([
    { topic: plan.resultsTopic, partitions: 1, config: { "cleanup.policy": "compact" } },
    { topic: plan.lateTopic, partitions: 1, config: side },
    { topic: plan.invalidTopic, partitions: 1, config: side },
  ]);
}

/**
 * Says so where the topic has the producers' own timestamps: with them, `maxAhead` compares a wrong
 * clock with itself.
 */
export async function warnOfCreateTime(
  admin: LogAdmin,
  topic: string,
  say: (line: string) => void,
): Promise<void> {
  const config = await admin.topicConfig(topic);
  if (config["message.timestamp.type"] === "LogAppendTime") return;
  say(
    `topic ${topic} has CreateTime timestamps: watermark.maxAhead can't see a wrong producer clock ` +
      "(set message.timestamp.type=LogAppendTime on the topic to let it)",
  );
}

/** The fixed ends of a bounded run: those of the partitions as they are now. */
export async function presentEnds(
  reader: LogReader,
  { topic, partitions }: TopicInfo,
): Promise<ReadonlyMap<number, number>> {
  return new Map(
    await Promise.all(
      partitions.map(async (partition) =>
        [partition, (await reader.offsets(topic, partition)).end] as const
      ),
    ),
  );
}

/**
 * Where a generation begins to read. Partitions that have no leader at the moment are left out: they
 * keep no other from starting, and are read from their beginning once they have one.
 *
 * @throws {TidegateError} What keeps all partitions from being found.
 */
export async function startsFrom(
  reader: LogReader,
  { topic, partitions }: TopicInfo,
  from: StartPosition,
): Promise<PartitionStart[]> {
  const found = await Promise.allSettled(
    partitions.map(async (partition): Promise<PartitionStart> => {
      if (typeof from === "number") {
        return { partition, cursor: await reader.offsetAt(topic, partition, from) };
      }
      const { start, end } = await reader.offsets(topic, partition);
      return { partition, cursor: from === "earliest" ? start : end };
    }),
  );
  const starts = found.flatMap((one) => one.status === "fulfilled" ? [one.value] : []);
  const failed = found.find((one) => one.status === "rejected");
  if (starts.length === 0 && failed !== undefined) throw failed.reason;
  return starts;
}
