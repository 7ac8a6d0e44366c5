/**
 * A gate before a server: as long as it is shut, nobody reaches the server.
 *
 * @module
 */

/** A gate. */
export interface Gate {
  /** `host:port` to connect to. */
  readonly address: string;
  /** Cuts all connections, and lets nobody in. */
  shut(): void;
  /** Lets everybody in again. */
  open(): void;
  /** Ends it. */
  close(): void;
}

/**
 * Puts a gate before a server.
 *
 * @param server `host:port` of the server.
 * @returns The gate, open.
 */
export function gateBefore(server: string): Gate {
  const [hostname = "", port = ""] = server.split(":");
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections = new Set<Deno.Conn>();
  let isOpen = true;
  const end = (connection: Deno.Conn) => {
    connections.delete(connection);
    try {
      connection.close();
    } catch {
      // It has been closed by the other side.
    }
  };
  const pass = async (from: Deno.Conn) => {
    connections.add(from);
    if (!isOpen) return end(from);
    const to = await Deno.connect({ hostname, port: Number(port) });
    connections.add(to);
    await Promise.allSettled([
      from.readable.pipeTo(to.writable),
      to.readable.pipeTo(from.writable),
    ]);
    end(from);
    end(to);
  };
  void (async () => {
    for await (const connection of listener) void pass(connection).catch(() => end(connection));
  })().catch(() => undefined);
  const cut = () => [...connections].forEach(end);
  return {
    address: `127.0.0.1:${listener.addr.port}`,
    shut() {
      isOpen = false;
      cut();
    },
    open() {
      isOpen = true;
    },
    close() {
      listener.close();
      cut();
    },
  };
}
