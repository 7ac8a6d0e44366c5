import type { LogReader } from "../adapters/kafka/log.ts";
import { TidegateError } from "../core/errors.ts";

/** A partition, and the topic that it was of when its generation began. */
export interface OfTopic {
  /** The topic's name. */
  readonly topic: string;
  /** The topic's id when the generation began; null where the broker has no ids. */
  readonly topicId: string | null;
  /** The partition. */
  readonly partition: number;
}

/**
 * Refuses a topic that is not there any more, or that is another one of the same name: its offsets
 * mean other records.
 *
 * @param reader The log.
 * @param of The partition and its topic.
 * @throws {TidegateError} `TG_TOPIC_MISSING`, `TG_TOPIC_RECREATED`, or that the broker can't be
 * reached.
 */
export async function refuseRecreated(
  reader: LogReader,
  { topic, topicId, partition }: OfTopic,
): Promise<void> {
  const info = await reader.describe(topic);
  if (info === null) {
    throw new TidegateError("TG_TOPIC_MISSING", `Topic ${topic} does not exist any more`);
  }
  if (topicId !== null && info.topicId !== null && info.topicId !== topicId) {
    throw new TidegateError(
      "TG_TOPIC_RECREATED",
      `Topic ${topic} was deleted and made again: partition ${partition} can't go on`,
      { next: "Begin a new generation: deno task start --new-generation." },
    );
  }
}
