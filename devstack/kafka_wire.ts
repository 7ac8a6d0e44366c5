/**
 * The few bytes of Kafka's protocol that tell whether a broker is ready: ApiVersions (it talks
 * Kafka) and Metadata (it serves as a broker, not merely listens). Written by hand, because client
 * libraries belong to `adapters/`.
 *
 * @module
 */

/** A broker's answer to Metadata, as far as readiness needs it. */
export interface ClusterView {
  /** The cluster's id, or null where the broker tells none. */
  readonly clusterId: string | null;
  /** How many brokers are registered and serving. */
  readonly brokers: number;
}

const API_VERSIONS = { key: 18, version: 0 };
// The highest version that Redpanda 24.x (0-8) and Kafka 4.1 (0-13) share with a plain header.
const METADATA = { key: 3, version: 4 };
const CLIENT_ID = "tidegate";

/** A request frame: size, header v1, body. */
function request(api: { key: number; version: number }, id: number, body: Uint8Array): Uint8Array {
  const client = new TextEncoder().encode(CLIENT_ID);
  const size = 2 + 2 + 4 + 2 + client.length + body.length;
  const frame = new Uint8Array(4 + size);
  const view = new DataView(frame.buffer);
  view.setInt32(0, size);
  view.setInt16(4, api.key);
  view.setInt16(6, api.version);
  view.setInt32(8, id);
  view.setInt16(12, client.length);
  frame.set(client, 14);
  frame.set(body, 14 + client.length);
  return frame;
}

/** An ApiVersions request (v0). */
export function apiVersionsRequest(id: number): Uint8Array {
  return request(API_VERSIONS, id, new Uint8Array(0));
}

/** A Metadata request (v4) for no topic at all; it never creates one. */
export function metadataRequest(id: number): Uint8Array {
  // An empty array of topics (4 bytes), then allow_auto_topic_creation = false.
  return request(METADATA, id, new Uint8Array(5));
}

/** Reads big-endian fields one after the other; reading past the end is a `RangeError`. */
class Reader {
  readonly #view: DataView;
  #at = 0;
  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  int16(): number {
    this.#at += 2;
    return this.#view.getInt16(this.#at - 2);
  }
  int32(): number {
    this.#at += 4;
    return this.#view.getInt32(this.#at - 4);
  }
  string(): string | null {
    const length = this.int16();
    if (length < 0) return null;
    if (this.#at + length > this.#view.byteLength) throw new RangeError("a string past the end");
    const bytes = new Uint8Array(this.#view.buffer, this.#view.byteOffset + this.#at, length);
    this.#at += length;
    return new TextDecoder().decode(bytes);
  }
}

/**
 * Reads the answer to {@linkcode apiVersionsRequest}.
 *
 * @param bytes The answer without its size.
 * @param id The request's number.
 * @returns Whether it is an answer without error that offers Metadata in the version used here.
 */
export function readApiVersions(bytes: Uint8Array, id: number): boolean {
  try {
    const reader = new Reader(bytes);
    if (reader.int32() !== id || reader.int16() !== 0) return false;
    const count = reader.int32();
    for (let i = 0; i < count; i++) {
      const [key, min, max] = [reader.int16(), reader.int16(), reader.int16()];
      if (key === METADATA.key) return min <= METADATA.version && METADATA.version <= max;
    }
    return false;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/**
 * Reads the answer to {@linkcode metadataRequest}.
 *
 * @param bytes The answer without its size.
 * @param id The request's number.
 * @returns What the broker says of its cluster, or null if it is no such answer.
 */
export function readMetadata(bytes: Uint8Array, id: number): ClusterView | null {
  try {
    const reader = new Reader(bytes);
    if (reader.int32() !== id) return null;
    reader.int32(); // throttle time
    const brokers = reader.int32();
    for (let i = 0; i < brokers; i++) {
      reader.int32(); // node
      reader.string(); // host
      reader.int32(); // port
      reader.string(); // rack
    }
    return { clusterId: reader.string(), brokers };
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}
