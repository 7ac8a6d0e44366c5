import assert from "node:assert/strict";
import { EventStream } from "../../../dashboard/server/event_stream.ts";
import { startPageServer } from "../../../dashboard/server/server.ts";
import { until } from "../_support/until.ts";

const NO_NET = Deno.permissions.querySync({ name: "net" }).state !== "granted";

/** A page server on a free port, whose requests must arrive within half a second. */
async function opened() {
  const stream = new EventStream();
  const server = await startPageServer({
    ...{ host: "127.0.0.1", port: 0, stream, load: null, requestMs: 500 },
    figures: {
      state: () => Promise.resolve({ a: 1 }),
      metrics: () => Promise.resolve("m 1\n"),
      ready: () => Promise.resolve({ ok: true, problems: [] }),
      snapshot: () => ({ whole: true }),
    },
  });
  const { port } = new URL(server.url);
  const connect = () => Deno.connect({ hostname: "127.0.0.1", port: Number(port) });
  return { stream, server, connect };
}

/** Sends bytes, and reads until the other side ends the connection. */
async function exchange(connection: Deno.TcpConn, text: string): Promise<string> {
  await connection.write(new TextEncoder().encode(text));
  return await new Response(connection.readable).text();
}

/** Collects what is logged as errors while something is done. */
async function logged(work: () => Promise<void>): Promise<unknown[][]> {
  const lines: unknown[][] = [];
  const { error } = console;
  console.error = (...line: unknown[]) => void lines.push(line);
  try {
    await work();
  } finally {
    console.error = error;
  }
  return lines;
}

Deno.test({
  name: "a malformed Host header or path is answered by 400, and nothing is logged",
  ignore: NO_NET,
  async fn() {
    const { server, connect } = await opened();
    const lines = await logged(async () => {
      for (const host of ["[", "a b", "a:b:c", "%zz", "127.0.0.1:99999", "a/b", "x@y"]) {
        const text = `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
        assert.match(await exchange(await connect(), text), /^HTTP\/1\.1 400 /, host);
      }
      const absolute = "GET http://[ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
      assert.match(await exchange(await connect(), absolute), /^HTTP\/1\.1 400 /);
    });
    assert.deepEqual(lines, []);
    await server.stop();
  },
});

Deno.test({
  name: "1,000 half-sent requests are closed in time, and others are answered meanwhile",
  ignore: NO_NET,
  async fn() {
    const { server, connect } = await opened();
    const half = await Promise.all(Array.from({ length: 1_000 }, async (_, i) => {
      const connection = await connect();
      if (i % 2 === 0) {
        await connection.write(new TextEncoder().encode("GET / HTTP/1.1\r\nHo"));
      }
      return connection;
    }));
    const answer = await fetch(`${server.url}api/state`);
    assert.deepEqual(await answer.json(), { a: 1 });
    // Each ends only once the server has closed it.
    await Promise.all(half.map((connection) => new Response(connection.readable).text()));
    await server.stop();
  },
});

Deno.test({
  name: "a stream outlives the time that requests have, and a reader that goes is noticed",
  ignore: NO_NET,
  async fn() {
    const { server, stream } = await opened();
    const gone = new AbortController();
    const answer = await fetch(`${server.url}events`, { signal: gone.signal });
    assert.equal(answer.headers.get("content-type"), "text/event-stream");
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
    assert.match((await reader?.read())?.value ?? "", /^retry: 1000\nid: 0\nevent: snapshot/);
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    stream.send("change", { late: true });
    assert.match((await reader?.read())?.value ?? "", /event: change\ndata: {"late":true}/);
    gone.abort();
    await until("the reader is gone", () => stream.readers === 0 || undefined);
    await server.stop();
  },
});
