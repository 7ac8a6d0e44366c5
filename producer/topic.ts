/**
 * Makes the source topic for those who fill it.
 *
 * @module
 */

import type { LogAdmin, LogReader } from "../adapters/kafka/log.ts";
import { TidegateError } from "../core/errors.ts";

/** The source topic as it is now. */
export interface SourceTopic {
  /** How many partitions it has. */
  readonly partitions: number;
  /** Whether it was made just now. */
  readonly created: boolean;
}

/** The topic that is wanted. */
export interface SourceTopicOptions {
  /** Its name. */
  readonly topic: string;
  /** How many partitions it gets if it is made. */
  readonly partitions: number;
}

/**
 * Makes the source topic if it doesn't exist. It gets the broker's clock for its records'
 * timestamps, so that a producer's wrong clock is seen (`watermark.maxAhead`).
 *
 * @param options The topic that is wanted.
 * @param admin Makes it.
 * @param reader Looks at it.
 * @returns The topic; one that existed keeps its partitions and settings.
 * @throws {TidegateError} What the adapters throw; `TG_TOPIC_MISSING` (retryable) if the topic was
 * made, but the broker doesn't show it.
 */
export async function ensureSourceTopic(
  options: SourceTopicOptions,
  admin: LogAdmin,
  reader: LogReader,
): Promise<SourceTopic> {
  const { topic, partitions } = options;
  const there = await reader.describe(topic);
  if (there !== null) return { partitions: there.partitions.length, created: false };
  const config = { "message.timestamp.type": "LogAppendTime" };
  const made = await admin.createTopics([{ topic, partitions, config }]);
  if (made.includes(topic)) return { partitions, created: true };
  // Somebody else was faster.
  const now = await reader.describe(topic);
  if (now !== null) return { partitions: now.partitions.length, created: false };
  throw new TidegateError("TG_TOPIC_MISSING", `Cannot find the topic "${topic}" just made`, {
    next: "Run the command again.",
    retryable: true,
  });
}
