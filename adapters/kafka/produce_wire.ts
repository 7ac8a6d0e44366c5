/**
 * Writing on the wire: who writes (InitProducerId), records (Produce), and transactions
 * (AddPartitionsToTxn, EndTxn). The client's own producer sends id 0 and epoch 0 where the protocol
 * wants -1 for "none yet", and takes its id again when it is fenced; so its parts are used.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { Connection } from "@platformatic/kafka";
import type { ApiRanges } from "./api_versions.ts";
import { kafka } from "./client.ts";
import { BrokerAnswer } from "./errors.ts";
import { pick, tolerant } from "./topic_wire.ts";

/** Who writes: its id, and how often that was taken. */
export interface ProducerEpoch {
  /** The id that the broker has given out. */
  readonly id: bigint;
  /** Grows with everybody who takes the id. */
  readonly epoch: number;
}

/** A record to write, its partition decided. */
export interface ProducedRecord {
  /** Partition index. */
  readonly partition: number;
  /** The key. */
  readonly key: Uint8Array;
  /** The value. */
  readonly value: Uint8Array;
  /** CreateTime in epoch ms; now if left out. */
  readonly timestampMs?: number | undefined;
}

/** What to write to partitions that one broker leads. */
export interface ProduceCall {
  /** Topic name. */
  readonly topic: string;
  /** The records; those of one partition become one batch. */
  readonly records: readonly ProducedRecord[];
  /** Who writes. */
  readonly producer: ProducerEpoch;
  /** The transactional id; null outside of transactions. */
  readonly transactionalId: string | null;
  /** The number of the next record, by partition; absent for 0. */
  readonly sequences: ReadonlyMap<number, number>;
  /** How long the broker may take to have it on all replicas, in ms. */
  readonly timeoutMs: number;
}

/** No id yet. */
const NOBODY: ProducerEpoch = { id: -1n, epoch: -1 };
const ALL_REPLICAS = -1;

const INIT = [kafka.initProducerIdV3, kafka.initProducerIdV4, kafka.initProducerIdV5];
const ADD = [kafka.addPartitionsToTxnV1, kafka.addPartitionsToTxnV2, kafka.addPartitionsToTxnV3];
const END = [kafka.endTxnV1, kafka.endTxnV2, kafka.endTxnV3];
const PRODUCE = [
  kafka.produceV7,
  kafka.produceV8,
  kafka.produceV9,
  kafka.produceV10,
  kafka.produceV11,
];

/**
 * Takes a producer id. With a transactional id whatever its last owner has open is aborted, and
 * nobody with a smaller epoch can write under it any more.
 *
 * @param transactionalId The transactional id; null for an id of one's own.
 * @param timeoutMs After how long the coordinator aborts a transaction.
 * @param own Takes the next epoch of an id that is one's own, and is refused if somebody else has
 * taken it since (KIP-360); whoever has it is thrown out if left out.
 * @throws {BrokerAnswer} If the broker answers an error.
 */
export async function sendInitProducerId(
  connection: Connection,
  ranges: ApiRanges,
  transactionalId: string | null,
  timeoutMs: number,
  own: ProducerEpoch = NOBODY,
): Promise<ProducerEpoch> {
  const api = pick("InitProducerId", INIT, ranges);
  const answer = await tolerant(() =>
    api.async(connection, transactionalId, timeoutMs, own.id, own.epoch)
  );
  if (answer.errorCode !== 0) throw new BrokerAnswer(answer.errorCode);
  return { id: answer.producerId, epoch: answer.producerEpoch };
}

/**
 * Makes partitions part of the transaction under way, or begins one.
 *
 * @throws {BrokerAnswer} If the broker answers an error for any partition.
 */
export async function sendAddPartitions(
  connection: Connection,
  ranges: ApiRanges,
  transactionalId: string,
  producer: ProducerEpoch,
  topic: string,
  partitions: readonly number[],
): Promise<void> {
  const api = pick("AddPartitionsToTxn", ADD, ranges);
  const answer = await tolerant(() =>
    api.async(connection, [{
      transactionalId,
      producerId: producer.id,
      producerEpoch: producer.epoch,
      verifyOnly: false,
      topics: [{ name: topic, partitions: [...partitions] }],
    }])
  );
  const codes = answer.resultsByTransaction.flatMap((it) =>
    it.topicResults.flatMap(({ resultsByPartition }) =>
      resultsByPartition.map(({ partitionErrorCode }) => partitionErrorCode)
    )
  );
  refuseAny(codes);
}

/**
 * Commits or aborts the transaction under way.
 *
 * @throws {BrokerAnswer} If the broker answers an error.
 */
export async function sendEndTransaction(
  connection: Connection,
  ranges: ApiRanges,
  transactionalId: string,
  producer: ProducerEpoch,
  commit: boolean,
): Promise<void> {
  const api = pick("EndTxn", END, ranges);
  const { id, epoch } = producer;
  const answer = await tolerant(() => api.async(connection, transactionalId, id, epoch, commit));
  if (answer.errorCode !== 0) throw new BrokerAnswer(answer.errorCode);
}

/**
 * Writes records with acks from all replicas.
 *
 * @throws {BrokerAnswer} If the broker answers an error for any partition.
 */
export async function sendProduce(
  connection: Connection,
  ranges: ApiRanges,
  call: ProduceCall,
): Promise<void> {
  const api = pick("Produce", PRODUCE, ranges);
  const { topic, records, producer, transactionalId, timeoutMs } = call;
  const sequences = new kafka.NumericMap(
    [...call.sequences].map(([partition, next]) => [`${topic}:${partition}`, next]),
  );
  const messages = records.map(({ partition, key, value, timestampMs }) => ({
    topic,
    partition,
    key: asBuffer(key),
    value: asBuffer(value),
    ...(timestampMs === undefined ? {} : { timestamp: BigInt(timestampMs) }),
  }));
  const options = {
    producerId: producer.id,
    producerEpoch: producer.epoch,
    sequences,
    ...(transactionalId === null ? {} : { transactionalId }),
  };
  const answer = await tolerant(() =>
    api.async(connection, ALL_REPLICAS, timeoutMs, messages, options)
  );
  if (typeof answer === "boolean") throw new RangeError("Cannot write without acks");
  refuseAny(
    answer.responses.flatMap(({ partitionResponses }) =>
      partitionResponses.map(({ errorCode }) => errorCode)
    ),
  );
}

function refuseAny(codes: readonly number[]): void {
  // What is wrong for good is told before what only failed with it.
  const wrong = codes.filter((code) => code !== 0).map((code) => new BrokerAnswer(code));
  const first = wrong.find(({ isPassing }) => !isPassing) ?? wrong[0];
  if (first !== undefined) throw first;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
