/**
 * A proxy before a real broker that makes it look older, and fails on demand. It understands as
 * much of Kafka's protocol as that takes: frames, ApiVersions, and the ports in Metadata.
 *
 * @module
 */

import type { Address } from "../../../core/address.ts";

/** API keys. */
const Key = { fetch: 1, metadata: 3, findCoordinator: 10, apiVersions: 18 } as const;

/** The error of a request whose version is not spoken. */
const UNSUPPORTED_VERSION = 35;

/** What a request was, as the proxy saw it. */
export interface SeenRequest {
  /** API key. */
  readonly key: number;
  /** API version. */
  readonly version: number;
}

/** A response on its way to the client; `bytes` begin after the length field. */
export interface PassingResponse extends SeenRequest {
  /** Correlation id and body; may be changed in place. */
  readonly bytes: Uint8Array;
  /** Sends only so many bytes of the frame, then closes the connection. */
  cutAfter(bytes: number): void;
  /** Sends nothing, and leaves the connection open. */
  swallow(): void;
}

/** A proxy, until it is closed. */
export interface KafkaProxy {
  /** `host:port` to connect to. */
  readonly address: string;
  /** All requests so far. */
  readonly seen: readonly SeenRequest[];
  /** Those that were refused because the caps don't allow them. */
  readonly refused: readonly SeenRequest[];
  /** Called with each response before it is sent on. */
  onResponse: (response: PassingResponse) => void;
  /** Closes the connections that there are; new ones are taken. */
  cutAll(): void;
  /** Ends it all. */
  close(): Promise<void>;
}

/** The highest version of each API that is let on; others are hidden. */
export type ApiCaps = Readonly<Record<number, number>>;

/** How a proxy treats requests. */
export interface ProxyOptions {
  /**
   * Which APIs the client may see, and up to which version.
   * @default all
   */
  readonly caps?: ApiCaps;
  /**
   * Whether a request beyond the caps ends its connection, as in Redpanda, and an ApiVersions
   * request is answered with what is spoken.
   * @default {false}
   */
  readonly strict?: boolean;
  /**
   * Where it listens.
   * @default a free port of 127.0.0.1
   */
  readonly listen?: Address;
  /**
   * The port that its answers name as the brokers'.
   * @default the one it listens on
   */
  readonly advertised?: number;
}

/**
 * Starts a proxy.
 *
 * @param broker `host:port` of the real broker.
 * @param options How it treats requests.
 */
export function startProxy(broker: string, options: ProxyOptions = {}): KafkaProxy {
  const { caps, strict = false, listen = { host: "127.0.0.1", port: 0 } } = options;
  const colon = broker.lastIndexOf(":");
  const target = { hostname: broker.slice(0, colon), port: Number(broker.slice(colon + 1)) };
  const listener = Deno.listen({ hostname: listen.host, port: listen.port });
  const port = options.advertised ?? listener.addr.port;
  const open = new Set<Deno.TcpConn>();
  const running = new Set<Promise<void>>();
  const seen: SeenRequest[] = [];
  const refused: SeenRequest[] = [];
  const isBeyond = ({ key, version }: SeenRequest) =>
    strict && caps !== undefined && version > (caps[key] ?? -1);
  const proxy: KafkaProxy = {
    address: `127.0.0.1:${listener.addr.port}`,
    seen,
    refused,
    onResponse: () => {},
    cutAll: () => {
      for (const connection of open) shut(connection);
    },
    close: async () => {
      shut(listener);
      proxy.cutAll();
      await Promise.all(running);
    },
  };

  const serve = async (client: Deno.TcpConn): Promise<void> => {
    open.add(client);
    const server = await Deno.connect(target).catch((error: unknown) => {
      if (!(error instanceof Deno.errors.ConnectionRefused)) throw error;
      return null;
    });
    if (server === null) {
      open.delete(client);
      return shut(client);
    }
    open.add(server);
    const waiting = new Map<number, SeenRequest>();
    const both = [
      pump(client, server, (frame) => {
        const view = viewOf(frame);
        const request = { key: view.getInt16(4), version: view.getInt16(6) };
        seen.push(request);
        if (isBeyond(request)) {
          if (request.key !== Key.apiVersions) {
            refused.push(request);
            return 0;
          }
          // Asked too high for the versions themselves: told in the lowest form, and asked again.
          void write(client, unsupported(view.getInt32(8), caps?.[Key.apiVersions] ?? 0));
          return null;
        }
        waiting.set(view.getInt32(8), request);
        return frame.length;
      }),
      pump(server, client, (frame) => {
        const request = waiting.get(viewOf(frame).getInt32(4));
        if (request === undefined) throw new Error("a response nobody asked for");
        let length: number | null = frame.length;
        const bytes = frame.subarray(4);
        if (request.key === Key.apiVersions && caps !== undefined) {
          capVersions(bytes, request.version, caps);
        }
        if (request.key === Key.metadata) redirect(bytes, request.version, port);
        if (request.key === Key.findCoordinator) redirectCoordinator(bytes, request.version, port);
        proxy.onResponse({
          ...request,
          bytes,
          cutAfter: (count) => {
            length = count;
          },
          swallow: () => {
            length = null;
          },
        });
        return length;
      }),
    ];
    await Promise.race(both);
    shut(client);
    shut(server);
    await Promise.all(both);
    open.delete(client);
    open.delete(server);
  };

  const accept = async (): Promise<void> => {
    for await (const client of listener) {
      const served = serve(client).finally(() => running.delete(served));
      running.add(served);
    }
  };
  const accepting = accept().finally(() => running.delete(accepting));
  running.add(accepting);
  return proxy;
}

/** Copies frames until either side ends; `look` says how much of a frame to send, if any. */
async function pump(
  from: Deno.TcpConn,
  to: Deno.TcpConn,
  look: (frame: Uint8Array) => number | null,
): Promise<void> {
  try {
    while (true) {
      const head = await readFull(from, 4);
      if (head === null) return;
      const body = await readFull(from, viewOf(head).getInt32(0));
      if (body === null) return;
      const frame = new Uint8Array(4 + body.length);
      frame.set(head);
      frame.set(body, 4);
      const length = look(frame);
      if (length === null) continue;
      await write(to, frame.subarray(0, length));
      if (length < frame.length) return;
    }
  } catch (error) {
    const cut = error instanceof Deno.errors.BadResource ||
      error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe ||
      error instanceof Deno.errors.Interrupted;
    if (!cut) throw error;
  }
}

async function readFull(from: Deno.TcpConn, length: number): Promise<Uint8Array | null> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const count = await from.read(bytes.subarray(at));
    if (count === null) return null;
    at += count;
  }
  return bytes;
}

async function write(to: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await to.write(bytes.subarray(at));
}

/** A whole ApiVersions answer of version 0 that refuses, and tells the versions of ApiVersions. */
function unsupported(correlationId: number, highest: number): Uint8Array {
  const bytes = new Uint8Array(20);
  const view = viewOf(bytes);
  view.setInt32(0, 16);
  view.setInt32(4, correlationId);
  view.setInt16(8, UNSUPPORTED_VERSION);
  view.setInt32(10, 1);
  view.setInt16(14, Key.apiVersions);
  view.setInt16(18, highest);
  return bytes;
}

/**
 * ApiVersions: correlation id, error code, array of key, lowest, highest; from version 3 on the array
 * is a compact one, and its elements have tags.
 */
function capVersions(bytes: Uint8Array, version: number, caps: ApiCaps): void {
  const view = viewOf(bytes);
  const flexible = version >= 3;
  const count = flexible ? view.getUint8(6) - 1 : view.getInt32(6);
  for (let i = 0; i < count; i++) {
    const at = flexible ? 7 + 7 * i : 10 + 6 * i;
    const cap = caps[view.getInt16(at)] ?? -1;
    view.setInt16(at + 4, Math.min(cap, view.getInt16(at + 4)));
  }
}

/**
 * FindCoordinator up to version 3: correlation id, (tags, from 3 on,) (throttle time, from 1 on,)
 * error, (message, from 1 on,) node, host, port.
 */
function redirectCoordinator(bytes: Uint8Array, version: number, port: number): void {
  const view = viewOf(bytes);
  if (version >= 4) return redirectCoordinators(view, port);
  const flexible = version === 3;
  let at = (flexible ? 5 : 4) + (version >= 1 ? 4 : 0) + 2;
  if (version >= 1) {
    at += flexible ? Math.max(1, view.getUint8(at)) : 2 + Math.max(0, view.getInt16(at));
  }
  at += 4;
  at += flexible ? view.getUint8(at) : 2 + view.getInt16(at);
  if (view.getInt32(at) > 0) view.setInt32(at, port);
}

/** From version 4 on: correlation id, tags, throttle time, compact array of key, node, host, port. */
function redirectCoordinators(view: DataView, port: number): void {
  let at = 9;
  const count = view.getUint8(at) - 1;
  at += 1;
  for (let i = 0; i < count; i++) {
    at += view.getUint8(at);
    at += 4;
    at += view.getUint8(at);
    if (view.getInt32(at) > 0) view.setInt32(at, port);
    at += 6;
    at += Math.max(1, view.getUint8(at)) + 1;
  }
}

/**
 * Metadata: correlation id, (tags,) throttle time (from 3 on), brokers: node, host, port, rack (from
 * 1 on) (, tags).
 */
function redirect(bytes: Uint8Array, version: number, port: number): void {
  const flexible = version >= 9;
  const view = viewOf(bytes);
  let at = flexible ? 9 : version >= 3 ? 8 : 4;
  const count = flexible ? view.getUint8(at) - 1 : view.getInt32(at);
  at += flexible ? 1 : 4;
  for (let i = 0; i < count; i++) {
    at += 4;
    at += flexible ? view.getUint8(at) : 2 + view.getInt16(at);
    view.setInt32(at, port);
    at += 4;
    if (version === 0) continue;
    at += flexible ? Math.max(1, view.getUint8(at)) + 1 : 2 + Math.max(0, view.getInt16(at));
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Closes what may be closed already. */
function shut(resource: Disposable): void {
  try {
    resource[Symbol.dispose]();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
