/**
 * The Fetch API on the wire, without a fetch session. Requests are the client's; answers are parsed
 * here so that record batches stay bytes until `record_batch.ts` decodes them.
 *
 * @module
 */

import type { Connection, Reader } from "@platformatic/kafka";
import { kafka } from "./client.ts";
import type { AbortedTransaction } from "./record_batch.ts";

/** The first version that names topics by their id (KIP-516). */
export const FETCH_BY_ID = 13;

/** What to fetch from one partition. */
export interface FetchCall {
  /** The topic's id from version 13 on, its name before. */
  readonly topic: string;
  /** Partition index. */
  readonly partition: number;
  /** The first offset. */
  readonly from: number;
  /** Soft limit of the answer's size in bytes. */
  readonly maxBytes: number;
  /** How long the broker may wait for the first record, in ms. */
  readonly maxWaitMs: number;
}

/** What to fetch from several partitions of one leader. */
export interface FetchManyCall {
  /** The topic's id from version 13 on, its name before. */
  readonly topic: string;
  /** The partitions, in the order in which the broker fills its answer (KIP-74). */
  readonly partitions: readonly {
    /** Partition index. */
    readonly partition: number;
    /** The first offset. */
    readonly from: number;
    /** The leader's epoch as the metadata say it; -1 if they don't. */
    readonly leaderEpoch: number;
  }[];
  /** Soft limit of the answer's size in bytes. */
  readonly maxBytes: number;
  /** Soft limit of each partition's part in bytes. */
  readonly partitionBytes: number;
  /** How long the broker may wait for the first record, in ms. */
  readonly maxWaitMs: number;
}

/** The answer for several partitions. */
export interface FetchManyAnswer {
  /** Kafka's error code for all of it; 0 for none. */
  readonly errorCode: number;
  /** For how long the broker takes nothing from this client because of a quota, in ms. */
  readonly throttleMs: number;
  /** The partitions' parts; none in an answer that is throttled (KIP-219). */
  readonly partitions: readonly FetchAnswer[];
}

/** A partition's part of the answer. */
export interface FetchAnswer {
  /** Partition index. */
  readonly partition: number;
  /** Kafka's error code; 0 for none. */
  readonly errorCode: number;
  /** The high watermark: the end of what all replicas have, open transactions included. */
  readonly highWatermark: number;
  /** The last stable offset. */
  readonly end: number;
  /** The first offset still held. */
  readonly start: number;
  /** Transactions whose records are to be dropped. */
  readonly aborted: readonly AbortedTransaction[];
  /** Record batches. */
  readonly batches: Uint8Array;
}

/**
 * An answer without the partition: the client has used up its quota and is to wait (KIP-219). It is
 * no error, and says nothing of the partition.
 */
export interface Throttled {
  /** How long to send nothing, in ms. */
  readonly throttleMs: number;
}

const READ_COMMITTED = 1;
/** Session id 0 with epoch -1: a full fetch that opens no session (KIP-227). */
const NO_SESSION = { id: 0, epoch: -1 } as const;
const NO_BYTES = new Uint8Array(0);

const REQUESTS = [
  [11, kafka.fetchV11.createRequest],
  [12, kafka.fetchV12.createRequest],
  [13, kafka.fetchV13.createRequest],
  [14, kafka.fetchV14.createRequest],
  [15, kafka.fetchV15.createRequest],
  [16, kafka.fetchV16.createRequest],
  [17, kafka.fetchV17.createRequest],
] as const;

/** The Fetch versions spoken, ascending: Kafka 2.4 and later, Redpanda 22 and later. */
export const FETCH_VERSIONS: readonly number[] = REQUESTS.map(([version]) => version);

const APIS = new Map(REQUESTS.map(([version, createRequest]) => {
  const flexible = version >= 12;
  const api = kafka.createAPI<
    Parameters<typeof kafka.fetchV17.createRequest>,
    FetchManyAnswer
  >(
    1,
    version,
    createRequest,
    (_correlationId, _key, _version, reader) => parseAnswer(version, reader),
    flexible,
    flexible,
  );
  return [version as number, api] as const;
}));

/** Sends one Fetch request for one partition; see {@linkcode sendFetchMany}. */
export async function sendFetch(
  connection: Connection,
  version: number,
  { partition, from, ...call }: FetchCall,
): Promise<FetchAnswer | Throttled> {
  const partitions = [{ partition, from, leaderEpoch: -1 }];
  const answer = await sendFetchMany(connection, version, {
    ...call,
    partitionBytes: call.maxBytes,
    partitions,
  });
  const part = answer.partitions[0];
  const { errorCode, throttleMs } = answer;
  if (part !== undefined && errorCode === 0) return part;
  if (errorCode === 0 && throttleMs > 0) return { throttleMs };
  return {
    partition,
    errorCode: errorCode || -1,
    highWatermark: -1,
    end: -1,
    start: -1,
    aborted: [],
    batches: NO_BYTES,
  };
}

/**
 * Sends one Fetch request for partitions of one topic, isolation read_committed. It may wait at the
 * broker, which answers in order: nothing else should have to wait on this connection.
 *
 * @param version One of {@linkcode FETCH_VERSIONS}.
 * @returns The partitions' parts of the answer, each with its own error code.
 */
export function sendFetchMany(
  connection: Connection,
  version: number,
  call: FetchManyCall,
): Promise<FetchManyAnswer> {
  const api = APIS.get(version);
  if (api === undefined) {
    throw new RangeError(
      `Cannot fetch: version must be one of ${FETCH_VERSIONS.join()}, got ${version}`,
    );
  }
  const partitions = call.partitions.map((it) => ({
    partition: it.partition,
    currentLeaderEpoch: it.leaderEpoch,
    fetchOffset: BigInt(it.from),
    lastFetchedEpoch: -1,
    partitionMaxBytes: call.partitionBytes,
  }));
  return api.async(
    connection,
    call.maxWaitMs,
    1,
    call.maxBytes,
    READ_COMMITTED,
    NO_SESSION.id,
    NO_SESSION.epoch,
    [{ topicId: call.topic, partitions }],
    [],
    "",
  );
}

function parseAnswer(version: number, reader: Reader): FetchManyAnswer {
  const flexible = version >= 12;
  const throttleMs = reader.readInt32();
  const errorCode = reader.readInt16();
  reader.readInt32(); // session id
  const topics = reader.readArray(
    (r) => {
      if (version >= FETCH_BY_ID) r.readUUID();
      else r.readString(flexible);
      return r.readArray((p) => parsePartition(flexible, p), flexible, flexible);
    },
    flexible,
    flexible,
  );
  return { errorCode, throttleMs, partitions: topics.flat() };
}

function parsePartition(flexible: boolean, r: Reader): FetchAnswer {
  const partition = r.readInt32();
  const errorCode = r.readInt16();
  const highWatermark = Number(r.readInt64());
  const end = Number(r.readInt64());
  const start = Number(r.readInt64());
  const aborted = r.readNullableArray(
    (a) => ({ producerId: a.readInt64(), firstOffset: Number(a.readInt64()) }),
    flexible,
    flexible,
  );
  r.readInt32(); // preferred read replica
  const size = flexible ? r.readUnsignedVarInt() - 1 : r.readInt32();
  let batches: Uint8Array = NO_BYTES;
  if (size > 0) {
    batches = r.buffer.slice(r.position, r.position + size);
    r.skip(size);
  }
  return { partition, errorCode, highWatermark, end, start, aborted: aborted ?? [], batches };
}
