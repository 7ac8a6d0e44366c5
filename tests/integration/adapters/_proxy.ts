/**
 * A proxy before a real broker that makes it look older, and fails on demand. It understands as
 * much of Kafka's protocol as that takes: frames, ApiVersions, and the ports in Metadata.
 *
 * @module
 */

/** API keys. */
const Key = { fetch: 1, metadata: 3, apiVersions: 18 } as const;

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
  /** Called with each response before it is sent on. */
  onResponse: (response: PassingResponse) => void;
  /** Closes the connections that there are; new ones are taken. */
  cutAll(): void;
  /** Ends it all. */
  close(): Promise<void>;
}

/** The highest version of each API that is let on; others are hidden. */
export type ApiCaps = Readonly<Record<number, number>>;

/**
 * Starts a proxy.
 *
 * @param broker `host:port` of the real broker.
 * @param caps Which APIs the client may see, and up to which version; all if left out.
 */
export function startProxy(broker: string, caps?: ApiCaps): KafkaProxy {
  const colon = broker.lastIndexOf(":");
  const target = { hostname: broker.slice(0, colon), port: Number(broker.slice(colon + 1)) };
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const open = new Set<Deno.TcpConn>();
  const running = new Set<Promise<void>>();
  const seen: SeenRequest[] = [];
  const proxy: KafkaProxy = {
    address: `127.0.0.1:${port}`,
    seen,
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
    const server = await Deno.connect(target);
    open.add(server);
    const waiting = new Map<number, SeenRequest>();
    const both = [
      pump(client, server, (frame) => {
        const view = viewOf(frame);
        const request = { key: view.getInt16(4), version: view.getInt16(6) };
        seen.push(request);
        waiting.set(view.getInt32(8), request);
        return frame.length;
      }),
      pump(server, client, (frame) => {
        const request = waiting.get(viewOf(frame).getInt32(4));
        if (request === undefined) throw new Error("a response nobody asked for");
        let length: number | null = frame.length;
        const bytes = frame.subarray(4);
        if (request.key === Key.apiVersions && caps !== undefined) capVersions(bytes, caps);
        if (request.key === Key.metadata) redirect(bytes, request.version >= 9, port);
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
      for (let at = 0; at < length;) at += await to.write(frame.subarray(at, length));
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

/** ApiVersions v3: correlation id, error code, compact array of key, lowest, highest, tags. */
function capVersions(bytes: Uint8Array, caps: ApiCaps): void {
  const view = viewOf(bytes);
  const count = view.getUint8(6) - 1;
  for (let i = 0; i < count; i++) {
    const at = 7 + 7 * i;
    const cap = caps[view.getInt16(at)] ?? -1;
    view.setInt16(at + 4, Math.min(cap, view.getInt16(at + 4)));
  }
}

/** Metadata: correlation id, (tags,) throttle time, brokers: node, host, port, rack (, tags). */
function redirect(bytes: Uint8Array, flexible: boolean, port: number): void {
  const view = viewOf(bytes);
  let at = flexible ? 9 : 8;
  const count = flexible ? view.getUint8(at) - 1 : view.getInt32(at);
  at += flexible ? 1 : 4;
  for (let i = 0; i < count; i++) {
    at += 4;
    at += flexible ? view.getUint8(at) : 2 + view.getInt16(at);
    view.setInt32(at, port);
    at += 4;
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
