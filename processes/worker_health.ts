/**
 * Answers the probes of whoever keeps a worker: Compose, Kubernetes.
 *
 * @module
 */

/** What is answered, and where. */
export interface HealthOptions {
  /** The address to listen on. */
  readonly hostname: string;
  /** The port; 0 takes any free one. */
  readonly port: number;
  /** Whether the worker takes sweeps. */
  readonly ready: () => boolean;
}

/** Answers, until it is disposed of. */
export interface Health extends Disposable {
  /** `host:port`. */
  readonly address: string;
}

/**
 * Answers `/healthz` with 200 as long as the process runs, and `/readyz` with 200 while it takes
 * sweeps, else 503.
 *
 * @param options What is answered, and where.
 * @returns How to end it.
 */
export function serveHealth({ hostname, port, ready }: HealthOptions): Health {
  const server = Deno.serve({ hostname, port, onListen: () => undefined }, (request) => {
    switch (new URL(request.url).pathname) {
      case "/healthz":
        return new Response("ok\n");
      case "/readyz":
        return ready() ? new Response("ready\n") : new Response("not ready\n", { status: 503 });
      default:
        return new Response("not found\n", { status: 404 });
    }
  });
  return {
    address: `${hostname}:${server.addr.port}`,
    [Symbol.dispose]: () => void server.shutdown(),
  };
}
