/**
 * Asking a broker or a Temporal server whether it is ready, by talking to it.
 *
 * @module
 */
import { connect } from "node:http2";
import type { ClusterView } from "../adapters/kafka/topic_wire.ts";
import { type Address, formatAddress, parseAddress } from "../core/address.ts";

/**
 * Asks one broker about its cluster, in plain text.
 *
 * @param timeoutMs Time limit of everything together.
 * @returns The cluster as it sees it, or null if nothing ready answers there (TLS and SASL
 * listeners don't answer this either).
 */
export async function probeBroker(
  address: Address,
  timeoutMs = 2_000,
): Promise<ClusterView | null> {
  // Loaded when it is needed: commands that start nothing need no client.
  const { Cluster } = await import("../adapters/kafka/cluster.ts");
  const cluster = new Cluster({ brokers: [formatAddress(address)] }, timeoutMs);
  const { connections } = cluster;
  const limit = setTimeout(() => void connections.close(), timeoutMs);
  try {
    const view = await cluster.view("none", "ask the broker");
    return view.brokers > 0 ? view : null;
  } catch (error) {
    // Refused, reset, timed out, a name that does not resolve: all mean that nothing is there yet.
    for (let it = error; it instanceof Error; it = it.cause) {
      if (it instanceof Deno.errors.NotCapable) throw it;
    }
    return null;
  } finally {
    clearTimeout(limit);
    await connections.close();
  }
}

/**
 * Asks the first brokers of a comma-separated list.
 *
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

/** The answer of a unary gRPC call. */
interface GrpcAnswer {
  /** gRPC status code; -1 if the server sent none. */
  readonly status: number;
  /** The answer's message; empty on an error. */
  readonly message: Uint8Array;
}

/**
 * Whether something listens there. Asked first: a refused connection is found out at once, and
 * `node:http2` hides a missing permission.
 */
async function listens(address: Address, timeoutMs: number): Promise<boolean> {
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    using _ = await Deno.connect({ hostname: address.host, port: address.port, signal });
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return false;
  }
}

/** Makes a unary gRPC call without TLS; null if nothing answers in time. */
async function callGrpc(
  where: string,
  method: string,
  body: Uint8Array,
  timeoutMs: number,
): Promise<GrpcAnswer | null> {
  const address = parseAddress(where);
  if (address === null || !await listens(address, timeoutMs)) return null;
  return await new Promise((resolve) => {
    const session = connect(`http://${formatAddress(address)}`);
    let settled = false;
    const settle = (answer: GrpcAnswer | null) => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      session.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => settle(null), timeoutMs);
    session.on("error", () => settle(null));
    session.on("close", () => settle(null));
    const call = session.request({
      ":method": "POST",
      ":path": `/temporal.api.workflowservice.v1.WorkflowService/${method}`,
      "content-type": "application/grpc",
      "te": "trailers",
    });
    const chunks: Uint8Array[] = [];
    let status = -1;
    const take = (headers: Readonly<Record<string, unknown>>) => {
      // With an error and no message the status comes in the headers, else in the trailers.
      if (headers["grpc-status"] !== undefined) status = Number(headers["grpc-status"]);
    };
    call.on("response", take);
    call.on("trailers", take);
    call.on("data", (chunk: Uint8Array) => chunks.push(chunk));
    call.on("error", () => settle(null));
    call.on("end", async () => {
      const bytes = new Uint8Array(await new Blob(chunks.map((c) => c.slice())).arrayBuffer());
      settle({ status, message: bytes.subarray(5) });
    });
    // A gRPC message: not compressed, its length, itself.
    const frame = new Uint8Array(5 + body.length);
    new DataView(frame.buffer).setUint32(1, body.length);
    frame.set(body, 5);
    call.end(frame);
  });
}

/** A length-delimited protobuf field of less than 128 bytes. */
function field(tag: number, value: Uint8Array): Uint8Array {
  return new Uint8Array([tag << 3 | 2, value.length, ...value]);
}

/**
 * Reads field 1, `server_version`, of Temporal's GetSystemInfoResponse.
 *
 * @param message The message's bytes.
 * @returns The version, or `unknown` if the field is not the first one.
 */
export function readServerVersion(message: Uint8Array): string {
  const length = message[1];
  if (message[0] !== 0x0a || length === undefined || length > 127) return "unknown";
  return new TextDecoder().decode(message.subarray(2, 2 + length)) || "unknown";
}

/** A Temporal server's answer. */
export interface TemporalView {
  /** The server's version, or `unknown`. */
  readonly version: string;
}

const GRPC_OK = 0;
const GRPC_NOT_FOUND = 5;

/**
 * Asks a Temporal server for its version, in plain text (a TLS listener does not answer this).
 *
 * @returns What it said, or null if none answers.
 */
export async function probeTemporal(
  address: string,
  timeoutMs = 2_000,
): Promise<TemporalView | null> {
  const answer = await callGrpc(address, "GetSystemInfo", new Uint8Array(0), timeoutMs);
  return answer?.status === GRPC_OK ? { version: readServerVersion(answer.message) } : null;
}

/**
 * Asks whether the server can serve workflows of the namespace `default`. Its frontend answers
 * before its history service has taken the shards; looking for a workflow that does not exist goes
 * through both and changes nothing.
 *
 * @returns Whether the search came back with "not found".
 */
export async function temporalServes(address: string, timeoutMs = 2_000): Promise<boolean> {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const execution = field(1, bytes("tidegate-readiness"));
  const body = new Uint8Array([...field(1, bytes("default")), ...field(2, execution)]);
  const answer = await callGrpc(address, "DescribeWorkflowExecution", body, timeoutMs);
  return answer?.status === GRPC_NOT_FOUND;
}
