/**
 * A lookup service to try enrichments with: it says to which faculty a student belongs, and takes
 * its time.
 *
 * @module
 */

import { setTimeout as delay } from "node:timers/promises";

/** The faculties there are. */
const FACULTIES = ["arts", "engineering", "law", "medicine", "science"] as const;

/** How a lookup service answers. */
export interface LookupServiceOptions {
  /** How long an answer takes, in ms. */
  readonly delayMs: number;
}

/** A running lookup service. */
export interface LookupService {
  /** Where it is: `GET <url>/students/<student_id>` answers `{ "faculty": "…" }`. */
  readonly url: string;
  /** How many lookups have been asked for. */
  readonly calls: number;
  /** Ends it at once; lookups that are under way get no answer. */
  stop(): Promise<void>;
}

/**
 * Starts a lookup service on this machine, on a free port.
 *
 * @param options How it answers.
 * @returns The service.
 */
export function startLookupService({ delayMs }: LookupServiceOptions): LookupService {
  const ended = new AbortController();
  let calls = 0;
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    signal: ended.signal,
    onListen: () => undefined,
  }, async ({ url }) => {
    const student = /^\/students\/([^/]+)$/.exec(new URL(url).pathname)?.[1];
    if (student === undefined) return new Response("there are students only", { status: 404 });
    calls += 1;
    await delay(delayMs, undefined, { signal: ended.signal }).catch(() => {});
    return Response.json({ faculty: facultyOf(student) });
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    get calls() {
      return calls;
    },
    async stop() {
      ended.abort();
      await server.finished;
    },
  };
}

/** The same student always belongs to the same faculty. */
function facultyOf(student: string): string {
  const sum = [...student].reduce((sum, letter) => sum + (letter.codePointAt(0) ?? 0), 0);
  return FACULTIES[sum % FACULTIES.length] ?? FACULTIES[0];
}
