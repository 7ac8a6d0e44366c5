/**
 * The page's server: files, the stream of events, figures for programs, and nothing that writes but
 * the presenter's button.
 *
 * @module
 */

import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { errorText, TidegateError } from "../../core/errors.ts";
import { assetOf } from "./assets.ts";
import type { EventStream } from "./event_stream.ts";

/** What the server tells of. */
export interface ServedFigures {
  /** All that the page shows, as JSON. */
  readonly state: () => Promise<unknown>;
  /** The metrics as text. */
  readonly metrics: () => Promise<string>;
  /** Whether work can go on, and what is wrong. */
  readonly ready: () => Promise<{ readonly ok: boolean; readonly problems: readonly string[] }>;
  /** What a new reader of the stream begins with. */
  readonly snapshot: () => unknown;
}

/** What the server is made of. */
export interface PageServerOptions {
  /** The address that it listens on. */
  readonly host: string;
  /** The port; 0 takes any free one. */
  readonly port: number;
  /** What it tells of. */
  readonly figures: ServedFigures;
  /** The stream of events. */
  readonly stream: EventStream;
  /** Starts or stops the presenter's load; null if there is no such button. */
  readonly load: ((on: boolean) => void) | null;
  /**
   * How long a request may take to arrive, in ms: a connection that says nothing whole is closed.
   * @default {10000}
   */
  readonly requestMs?: number;
}

/** A running server. */
export interface PageServer {
  /** Its address for people of this machine. */
  readonly url: string;
  /** Ends it. */
  stop(): Promise<void>;
}

/** Only what comes from here, and nothing inline: content of events can't become code. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

const HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy": POLICY,
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=()",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

/** How long readers may take to hear of the end, in ms. */
const GOODBYE_MS = 1_000;

/** A form or script of another site can't set it without being asked, and is refused. */
const PRESENTER_HEADER = "x-tidegate-presenter";

/**
 * Starts the server. It is one of `node:http`, which, unlike `Deno.serve`, closes connections whose
 * request does not arrive in time.
 *
 * @throws {TidegateError} `TG_PORT_TAKEN` if another program listens on the port.
 */
export async function startPageServer(options: PageServerOptions): Promise<PageServer> {
  const { host, stream, requestMs = 10_000 } = options;
  const server = createServer({
    headersTimeout: requestMs,
    requestTimeout: requestMs,
    connectionsCheckingInterval: requestMs / 4,
  }, (message, response) => void respond(options, message, response));
  await listen(server, options);
  const address = server.address();
  const bound = typeof address === "object" ? address?.port : undefined;
  const wildcard = host === "0.0.0.0" || host === "::";
  const name = wildcard ? "127.0.0.1" : host.includes(":") ? `[${host}]` : host;
  return {
    url: `http://${name}:${bound ?? options.port}/`,
    async stop() {
      stream.close();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      // A reader that takes nothing any more must not hold the end up.
      const timer = setTimeout(() => server.closeAllConnections(), GOODBYE_MS);
      await closed;
      clearTimeout(timer);
    },
  };
}

async function listen(server: Server, { host, port }: PageServerOptions): Promise<void> {
  try {
    server.listen(port, host);
    await once(server, "listening");
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "EADDRINUSE") {
      throw new TidegateError(
        "TG_PORT_TAKEN",
        `Cannot serve the page: TIDEGATE_PORT (${port}) must be free, got one that another ` +
          `program listens on`,
        { cause, next: "Set TIDEGATE_PORT (--port) to a free port, or to 0 for any free one." },
      );
    }
    throw new TidegateError(
      "TG_CONFIG",
      `Cannot serve the page: TIDEGATE_HOST must be an address of this machine, got "${host}"`,
      { cause, next: "127.0.0.1 serves this machine, 0.0.0.0 everybody who can reach it." },
    );
  }
}

async function respond(
  options: Omit<PageServerOptions, "port">,
  message: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  message.resume();
  try {
    const request = requestOf(message);
    const { status, headers, body } = request === null
      ? answer("the request must name a host and a path", 400)
      : await answerRequest(options, request);
    response.writeHead(status, Object.fromEntries(headers));
    if (body !== null && message.method !== "HEAD") await send(body, response);
    response.end();
  } catch (error) {
    if (!response.headersSent) {
      console.error(`the page's server: ${errorText(error)}`);
      response.writeHead(500, HEADERS).end("something went wrong\n");
    } else response.destroy();
  }
}

/** The request as the web's own type; null if its Host header or its path can't be one. */
function requestOf({ method = "GET", url = "", headers }: IncomingMessage): Request | null {
  const { host = "localhost" } = headers;
  if (!url.startsWith("/") || /[/\\@?#\s]/.test(host)) return null;
  const whole = URL.parse(`http://${host}${url}`);
  if (whole === null) return null;
  const fields = Object.entries(headers).flatMap(([name, value]): [string, string][] =>
    typeof value === "string" ? [[name, value]] : []
  );
  try {
    return new Request(whole, { method, headers: fields });
  } catch {
    return null;
  }
}

/** Sends a body as fast as it is taken, until its end or until nobody takes it any more. */
async function send(body: ReadableStream<Uint8Array>, response: ServerResponse): Promise<void> {
  const reader = body.getReader();
  const gone = new AbortController();
  response.once("close", () => {
    gone.abort();
    void reader.cancel().catch(() => undefined);
  });
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    if (!response.write(value)) await once(response, "drain", { signal: gone.signal });
  }
}

/** Answers a request. */
export async function answerRequest(
  options: Omit<PageServerOptions, "port">,
  request: Request,
): Promise<Response> {
  const url = new URL(request.url);
  if (!isOwnName(url.hostname, options.host)) {
    return answer("this page is not served under that name", 421);
  }
  if (url.pathname === "/api/load") return load(options, request, url);
  if (request.method !== "GET" && request.method !== "HEAD") {
    return answer("only GET is served", 405, { allow: "GET, HEAD" });
  }
  switch (url.pathname) {
    case "/events":
      return request.method === "HEAD" ? answer("", 405) : events(options);
    case "/api/state":
      return json(await options.figures.state());
    case "/metrics":
      return answer(await options.figures.metrics(), 200, {
        "content-type": "text/plain; version=0.0.4; charset=utf-8",
      });
    case "/healthz":
      return answer("ok\n");
    case "/readyz": {
      const { ok, problems } = await options.figures.ready();
      return answer(ok ? "ready\n" : `not ready\n${problems.join("\n")}\n`, ok ? 200 : 503);
    }
    default:
      return await file(request, url.pathname);
  }
}

async function file(request: Request, path: string): Promise<Response> {
  const asset = await assetOf(path);
  if (asset === null) return answer("not found", 404);
  const { etag, type, body } = asset;
  const headers = { ...HEADERS, etag, "cache-control": "no-cache", "content-type": type };
  if (request.headers.get("if-none-match") === etag) {
    return new Response(null, { status: 304, headers });
  }
  return new Response(body, { headers });
}

function events({ stream, figures }: Pick<PageServerOptions, "stream" | "figures">): Response {
  const body = stream.open("snapshot", figures.snapshot());
  if (body === null) {
    return answer("too many readers: close other pages", 503, { "retry-after": "10" });
  }
  return new Response(body, {
    headers: { ...HEADERS, "content-type": "text/event-stream", "cache-control": "no-store" },
  });
}

/** The presenter's button. Another site could send a plain form here: it can't set the header. */
function load(
  { load: act }: Pick<PageServerOptions, "load">,
  request: Request,
  url: URL,
): Response {
  if (act === null) return answer("there is no such button without --demo", 404);
  if (request.method !== "POST") return answer("only POST is served", 405, { allow: "POST" });
  const origin = request.headers.get("origin");
  const site = request.headers.get("sec-fetch-site");
  const foreign = origin !== null && origin !== url.origin ||
    site !== null && site !== "same-origin";
  if (foreign || request.headers.get(PRESENTER_HEADER) !== "1") {
    return answer("only this page may do that", 403);
  }
  const on = url.searchParams.get("on");
  if (on !== "true" && on !== "false") return answer("on must be true or false", 400);
  act(on === "true");
  return json({ on: on === "true" });
}

/**
 * Whether a request was meant for this server. A site can point its own name at this machine (DNS
 * rebinding): then the browser takes it for that site's, but sends that site's name.
 */
export function isOwnName(name: string, host: string): boolean {
  const bare = name.replace(/^\[|\]$/g, "").toLowerCase();
  if (bare === "localhost" || bare.endsWith(".localhost") || bare === host.toLowerCase()) {
    return true;
  }
  if (isLoopback(host)) return bare === "::1" || /^127(\.\d{1,3}){3}$/.test(bare);
  // Names without a dot, as containers have, are of a local network.
  return /^\d{1,3}(\.\d{1,3}){3}$/.test(bare) || bare.includes(":") || !bare.includes(".");
}

/** Whether only programs of this machine can reach an address. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\./.test(host);
}

function json(value: unknown): Response {
  return answer(`${JSON.stringify(value)}\n`, 200, { "content-type": "application/json" });
}

function answer(
  text: string,
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(text, {
    status,
    headers: {
      ...HEADERS,
      "content-type": "text/plain; charset=utf-8",
      "cache-control": "no-store",
      ...headers,
    },
  });
}
