/**
 * Asking a broker whether it is ready, by talking to it.
 *
 * @module
 */
import { type Address, parseAddress } from "../core/address.ts";
import {
  apiVersionsRequest,
  type ClusterView,
  metadataRequest,
  readApiVersions,
  readMetadata,
} from "./kafka_wire.ts";

/** Longest answer that is read, in bytes; a server of another protocol may send anything. */
const MAX_ANSWER = 1 << 20;

/** Fills the buffer, or answers false at the end of the stream. */
async function readFully(from: Deno.Conn, buffer: Uint8Array): Promise<boolean> {
  for (let at = 0; at < buffer.length;) {
    const count = await from.read(buffer.subarray(at));
    if (count === null) return false;
    at += count;
  }
  return true;
}

/** Sends one request frame and reads the answer without its size; null if there is none. */
async function ask(conn: Deno.Conn, frame: Uint8Array): Promise<Uint8Array | null> {
  for (let at = 0; at < frame.length;) at += await conn.write(frame.subarray(at));
  const head = new Uint8Array(4);
  if (!await readFully(conn, head)) return null;
  const size = new DataView(head.buffer).getInt32(0);
  if (size < 4 || size > MAX_ANSWER) return null;
  const answer = new Uint8Array(size);
  return await readFully(conn, answer) ? answer : null;
}

/**
 * Asks one broker for ApiVersions and Metadata, in plain text.
 *
 * @param address Where to ask.
 * @param timeoutMs Time limit of everything together.
 * @returns The cluster as it sees it, or null if nothing ready answers there (TLS and SASL
 * listeners don't answer this either).
 */
export async function probeBroker(
  address: Address,
  timeoutMs = 2_000,
): Promise<ClusterView | null> {
  const limit = AbortSignal.timeout(timeoutMs);
  try {
    using conn = await Deno.connect({
      hostname: address.host,
      port: address.port,
      signal: limit,
    });
    const close = () => conn.close();
    limit.addEventListener("abort", close);
    try {
      const versions = await ask(conn, apiVersionsRequest(1));
      if (versions === null || !readApiVersions(versions, 1)) return null;
      const metadata = await ask(conn, metadataRequest(2));
      const view = metadata === null ? null : readMetadata(metadata, 2);
      return view !== null && view.brokers > 0 ? view : null;
    } finally {
      limit.removeEventListener("abort", close);
    }
  } catch (error) {
    // Refused, reset, timed out, a name that does not resolve: all mean that nothing is there yet.
    if (error instanceof Deno.errors.NotCapable) throw error;
    return null;
  }
}

/**
 * Asks the first brokers of a comma-separated list.
 *
 * @param list `KAFKA_BROKERS`.
 * @returns The answer of the first one that is ready, or null.
 */
export async function probeBrokers(list: string): Promise<ClusterView | null> {
  for (const entry of list.split(",")) {
    const address = parseAddress(entry);
    const view = address === null ? null : await probeBroker(address);
    if (view !== null) return view;
  }
  return null;
}
