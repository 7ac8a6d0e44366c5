/**
 * The presenter's load: spike producers that the live page's button starts and stops.
 *
 * @module
 */

import { createKafkaAdmin } from "../adapters/kafka/admin.ts";
import { createKafkaReader } from "../adapters/kafka/reader.ts";
import { createKafkaJsWriter } from "../adapters/kafka/kafkajs_writer.ts";
import { waitFor } from "../adapters/servers.ts";
import type { DemoLoad } from "../dashboard/server/start.ts";
import { ensureSourceTopic, produce } from "../producer/mod.ts";
import type { Session } from "../cli/session.ts";

/** Eight producers of 250 events a second each, with a few records of every odd kind. */
const SPIKE = {
  producers: 8,
  rate: 250,
  disorderMs: 3_000,
  lateShare: 0.002,
  invalidShare: 0.001,
  skewedShare: 0.001,
} as const;
/** A presenter who forgets the button does not fill the disk, in s. */
const MOST_SECONDS = 600;

/** Makes the presenter's load. */
export function demoLoad(session: Session, say: (line: string) => void): DemoLoad {
  let running: AbortController | null = null;
  return {
    get running() {
      return running !== null;
    },
    start() {
      if (running !== null) return;
      const mine = new AbortController();
      running = mine;
      say("spike producers started from the live page");
      load(session, mine.signal)
        .then((sent) => say(`spike producers stopped after ${sent} records`))
        .catch((error: Error) => say(`spike producers failed: ${error.message}`))
        .finally(() => {
          if (running === mine) running = null;
        });
    },
    stop() {
      running?.abort();
      running = null;
    },
  };
}

/** Makes the source topic if there is none: the button is to fill it. */
export async function demoTopic(
  { kafka, pipeline }: Session,
  say: (line: string) => void = () => undefined,
): Promise<number> {
  const admin = createKafkaAdmin(kafka);
  const reader = createKafkaReader(kafka);
  try {
    const { topic } = pipeline.plan;
    const wanted = { topic, partitions: pipeline.partitions };
    const made = await waitFor("the broker", () => ensureSourceTopic(wanted, admin, reader), say);
    return made.partitions;
  } finally {
    await Promise.all([admin.close(), reader.close()]);
  }
}

async function load(session: Session, signal: AbortSignal): Promise<number> {
  const { kafka, pipeline } = session;
  const writer = createKafkaJsWriter(kafka);
  try {
    const partitions = await demoTopic(session);
    const seed = Math.floor(Math.random() * 2 ** 31);
    const { sent } = await produce(
      { pipeline, seed, partitions, seconds: MOST_SECONDS, ...SPIKE },
      writer,
      { signal },
    );
    return sent;
  } finally {
    await writer.close();
  }
}
