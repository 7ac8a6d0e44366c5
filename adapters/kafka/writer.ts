/**
 * Writes records over Kafka's wire protocol with acks from all replicas, idempotently: a request
 * that is repeated writes nothing twice.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { Connection, Writer } from "@platformatic/kafka";
import type { ApiRanges } from "./api_versions.ts";
import { kafka } from "./client.ts";
import { Cluster, pauseFor, repeatWhilePassing } from "./cluster.ts";
import { encodeBatch, type EncodeOptions } from "./encode_batch.ts";
import { BrokerAnswer, closed, KafkaCode } from "./errors.ts";
import type { KafkaSettings, LogWriter, OutRecord } from "./log.ts";
import { createPartitioner } from "./partitioner.ts";
import { type ProducerEpoch, sendInitProducerId } from "./produce_wire.ts";
import { checksum } from "./reader.ts";
import { requests, type WriterOptions } from "./requests.ts";
import { tolerant } from "./topic_wire.ts";

/** How long the broker may take to have a request on all replicas, in ms. */
const ANSWER_MS = 15_000;
const ALL_REPLICAS = -1;
const GZIP = 1;
/** Sequence numbers begin anew after 2^31 - 1. */
const SEQUENCES = 2 ** 31;

/**
 * Makes a writer. It connects when first used; close it to let the process end.
 *
 * Calls are carried out one after the other, so records stay in order across calls too. When a call
 * fails, part of its records may have been written. `close` lets the calls under way end, and
 * refuses later ones.
 */
export function createKafkaWriter(
  settings: KafkaSettings,
  options: WriterOptions = {},
): LogWriter {
  return new KafkaWriter(settings, options);
}

/** Who writes, by which the broker knows a request that comes again. */
interface Producer extends ProducerEpoch {
  /** The number of the next record, by topic and partition. */
  readonly sequences: Map<string, number>;
}

class KafkaWriter implements LogWriter {
  readonly #cluster: Cluster;
  readonly #options: WriterOptions;
  readonly #closing = new AbortController();
  readonly #choose = createPartitioner();
  #producer: Producer | null = null;
  #tail: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(settings: KafkaSettings, options: WriterOptions) {
    this.#cluster = new Cluster(settings);
    this.#options = options;
  }

  async send(topic: string, records: readonly OutRecord[]): Promise<void> {
    if (this.#closed) throw closed(`write to ${topic}`);
    const turn = this.#tail.then(() => this.#sendAll(topic, records));
    this.#tail = turn.catch(() => {});
    await turn;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#tail;
    this.#closing.abort();
    await this.#cluster.connections.close();
  }

  async #sendAll(topic: string, records: readonly OutRecord[]): Promise<void> {
    const what = `write to ${topic}`;
    try {
      for (const request of requests(records, this.#options.maxRequestBytes)) {
        await this.#sendOne(topic, request, what);
      }
    } catch (error) {
      // The broker may or may not have written the failed batch. The next, different records must
      // not get its numbers: it would take them for the failed batch come again, and drop them.
      this.#producer = null;
      throw error;
    }
  }

  /** Sends one request to each leader; what fails and may pass is sent again as it was. */
  async #sendOne(topic: string, records: readonly OutRecord[], what: string): Promise<void> {
    const { partitions } = await this.#repeat(topic, what, () => this.#cluster.known(topic, what));
    const producer = this.#producer ??= await this.#repeat(topic, what, () => this.#begin(what));
    const byPartition = Map.groupBy(
      records,
      (it) => it.partition ?? this.#choose(it, partitions.length),
    );
    const left = new Map(
      [...byPartition].map(([partition, some]) =>
        [partition, this.#encode(producer, `${topic}/${partition}`, some)] as const
      ),
    );
    await this.#repeat(topic, what, async () => {
      const byLeader = await this.#cluster.leaders(topic, [...left.keys()], what);
      const failures = await Promise.all([...byLeader].map(async ([address, led]) => {
        const batches = led.map((partition) =>
          [partition, left.get(partition) ?? NO_BYTES] as const
        );
        const { results, throttleMs } = await this.#cluster.connections.use(
          address,
          { what, waitMs: ANSWER_MS, alone: true },
          (it) => sendBatches(it, topic, batches),
        );
        for (const [partition, code] of results) {
          if (code === 0 || code === KafkaCode.DUPLICATE_SEQUENCE_NUMBER) left.delete(partition);
        }
        if (throttleMs > 0) await pauseFor(throttleMs, what, undefined, this.#closing.signal);
        return results.filter(([partition]) => left.has(partition)).map(([, code]) => code);
      }));
      const codes = failures.flat();
      // One that won't pass goes first.
      const code = codes.find((it) => !new BrokerAnswer(it).isPassing) ?? codes[0];
      if (code !== undefined) throw new BrokerAnswer(code);
      if (left.size > 0) throw new BrokerAnswer(KafkaCode.UNKNOWN_SERVER_ERROR);
    });
  }

  #encode(producer: Producer, place: string, records: readonly OutRecord[]): Uint8Array {
    const sequence = producer.sequences.get(place) ?? 0;
    producer.sequences.set(place, (sequence + records.length) % SEQUENCES);
    const options: EncodeOptions = {
      producerId: producer.id,
      producerEpoch: producer.epoch,
      sequence,
      nowMs: Date.now(),
      checksum,
    };
    if (this.#options.compression !== "gzip") return encodeBatch(records, options);
    return encodeBatch(records, { ...options, compression: { codec: GZIP, compress: gzip } });
  }

  async #begin(what: string): Promise<Producer> {
    const begin = (connection: Connection, ranges: ApiRanges): Promise<ProducerEpoch> =>
      sendInitProducerId(connection, ranges, null, ANSWER_MS);
    return { ...await this.#cluster.any(what, begin), sequences: new Map() };
  }

  async #repeat<T>(topic: string, what: string, once: () => Promise<T>): Promise<T> {
    const forget = (): void => this.#cluster.forget(topic);
    const closing = this.#closing.signal;
    return await repeatWhilePassing({ what, forget, closing, patient: true }, once);
  }
}

const NO_BYTES = new Uint8Array(0);

/** Produce 7: Kafka 2.1 and later, and the only one that Redpanda 24.1 to 26.2 speaks beside older. */
const PRODUCE = 7;
const produce = kafka.createAPI(
  0,
  PRODUCE,
  createRequest,
  kafka.produceV7.parseResponse,
  false,
  false,
);

type Batches = readonly (readonly [partition: number, batch: Uint8Array])[];

function createRequest(topic: string, batches: Batches): Writer {
  const request = kafka.Writer.create()
    .appendString(null, false) // no transaction
    .appendInt16(ALL_REPLICAS)
    .appendInt32(ANSWER_MS);
  return request.appendArray(
    [topic],
    (w, name) =>
      w.appendString(name, false).appendArray(
        [...batches],
        (w, [partition, { buffer, byteOffset, byteLength }]) =>
          w.appendInt32(partition).appendBytes(Buffer.from(buffer, byteOffset, byteLength), false),
        false,
        false,
      ),
    false,
    false,
  );
}

/** Sends batches to the leader of their partitions; gives the error code by partition. */
async function sendBatches(
  connection: Connection,
  topic: string,
  batches: Batches,
): Promise<{
  readonly results: readonly (readonly [partition: number, code: number])[];
  readonly throttleMs: number;
}> {
  const { responses, throttleTimeMs } = await tolerant(() =>
    produce.async(connection, topic, batches)
  );
  const parts = responses.flatMap((it) => it.partitionResponses);
  return {
    results: parts.map(({ index, errorCode }) => [index, errorCode] as const),
    throttleMs: throttleTimeMs,
  };
}

function gzip(bytes: Uint8Array): Uint8Array {
  const algorithm = kafka.compressionsAlgorithmsByBitmask[GZIP];
  if (algorithm === undefined) throw new RangeError("Cannot compress: the client must know gzip");
  return algorithm.compressSync(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
}
