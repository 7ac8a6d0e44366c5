import assert from "node:assert/strict";
import { assetOf, browserModule } from "../../dashboard/server/assets.ts";
import { EventStream, MOST_BYTES, MOST_READERS } from "../../dashboard/server/event_stream.ts";
import { answerRequest, isOwnName } from "../../dashboard/server/server.ts";
import { Exposition } from "../../dashboard/server/metrics.ts";

const UNREADABLE = Deno.permissions.querySync({ name: "read", path: "." }).state !== "granted";

/** A server without a socket. */
function server(demo = true) {
  const loads: boolean[] = [];
  const stream = new EventStream();
  const options = {
    host: "127.0.0.1",
    stream,
    figures: {
      state: () => Promise.resolve({ a: 1 }),
      metrics: () => Promise.resolve("m 1\n"),
      ready: () => Promise.resolve({ ok: false, problems: ["broker unreachable"] }),
      snapshot: () => ({ whole: true }),
    },
    load: demo ? (on: boolean) => void loads.push(on) : null,
  };
  const ask = (path: string, init: RequestInit = {}, host = "127.0.0.1:1") =>
    answerRequest(options, new Request(`http://${host}${path}`, init));
  return { ask, loads, stream };
}

Deno.test("every answer has the headers that keep content from becoming code", async () => {
  const { ask } = server();
  for (const path of ["/api/state", "/metrics", "/healthz", "/readyz", "/nothing", "/api/load"]) {
    const answer = await ask(path);
    const policy = answer.headers.get("content-security-policy") ?? "";
    assert.match(policy, /default-src 'none'.*script-src 'self'.*require-trusted-types-for/, path);
    assert.doesNotMatch(policy, /unsafe|\*/);
    assert.equal(answer.headers.get("x-content-type-options"), "nosniff");
    assert.equal(answer.headers.get("x-frame-options"), "DENY");
    await answer.body?.cancel();
  }
});

Deno.test("figures for programs", async () => {
  const { ask } = server();
  assert.deepEqual(await (await ask("/api/state")).json(), { a: 1 });
  const metrics = await ask("/metrics");
  assert.match(metrics.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
  assert.equal(await metrics.text(), "m 1\n");
  assert.equal((await ask("/healthz")).status, 200);
  const ready = await ask("/readyz");
  assert.equal(ready.status, 503);
  assert.match(await ready.text(), /broker unreachable/);
});

Deno.test("another site's name is refused, whatever it is resolved to", async () => {
  const { ask } = server();
  assert.equal((await ask("/api/state", {}, "evil.example:8088")).status, 421);
  assert.equal((await ask("/api/state", {}, "localhost:8088")).status, 200);
  for (const name of ["localhost", "127.0.0.1", "127.9.9.9", "[::1]", "page.localhost"]) {
    assert.ok(isOwnName(name, "127.0.0.1"), name);
  }
  for (const name of ["evil.example", "127.0.0.1.evil.example", "10.0.0.1", "tidegate"]) {
    assert.ok(!isOwnName(name, "127.0.0.1"), name);
  }
  for (const name of ["tidegate", "10.0.0.1", "[fe80::1]", "localhost"]) {
    assert.ok(isOwnName(name, "0.0.0.0"), name);
  }
  assert.ok(!isOwnName("evil.example", "0.0.0.0"));
});

Deno.test("only GET and HEAD are served, and only listed files", async () => {
  const { ask } = server();
  for (const method of ["POST", "PUT", "DELETE"]) {
    assert.equal((await ask("/", { method })).status, 405);
  }
  const paths = ["/../deno.json", "/deno.json", "/page/main.ts", "/%2e%2e/deno.json", "/vendor/x"];
  for (const path of paths) assert.equal((await ask(path)).status, 404, path);
});

Deno.test("the presenter's button is there with --demo only, and for this page only", async () => {
  const { ask, loads } = server();
  const headers = { "x-tidegate-presenter": "1" };
  const post = (path: string, extra: Record<string, string> = {}) =>
    ask(path, { method: "POST", headers: { ...headers, ...extra } });
  assert.equal((await ask("/api/load?on=true")).status, 405);
  assert.equal((await ask("/api/load?on=true", { method: "POST" })).status, 403);
  assert.equal((await post("/api/load?on=true", { origin: "http://evil.example" })).status, 403);
  assert.equal((await post("/api/load?on=true", { "sec-fetch-site": "cross-site" })).status, 403);
  assert.equal((await post("/api/load?on=maybe")).status, 400);
  assert.deepEqual(loads, []);
  const fine = { origin: "http://127.0.0.1:1", "sec-fetch-site": "same-origin" };
  assert.equal((await post("/api/load?on=true", fine)).status, 200);
  assert.equal((await post("/api/load?on=false")).status, 200);
  assert.deepEqual(loads, [true, false]);
  const readOnly = server(false);
  const init = { method: "POST", headers };
  assert.equal((await readOnly.ask("/api/load?on=true", init)).status, 404);
});

Deno.test({
  name: "the page's files: no inline code, types left out, unchanged ones not sent again",
  ignore: UNREADABLE,
  async fn() {
    const { ask } = server();
    const page = await (await ask("/")).text();
    assert.doesNotMatch(page, /<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|https?:/);
    const names = [...page.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path]) => String(path));
    const seen = new Set<string>();
    while (names.length > 0) {
      const path = names.pop() ?? "";
      if (seen.has(path)) continue;
      seen.add(path);
      const answer = await ask(path);
      assert.equal(answer.status, 200, path);
      const etag = answer.headers.get("etag") ?? "";
      const text = await answer.text();
      const again = await ask(path, { headers: { "if-none-match": etag } });
      assert.equal(again.status, 304, path);
      if (!path.endsWith(".ts")) continue;
      assert.match(answer.headers.get("content-type") ?? "", /^text\/javascript/);
      for (const [, name] of text.matchAll(/^import [^;]*from "([^"]+)"/gm)) {
        names.push(new URL(String(name), `http://x${path}`).pathname);
      }
    }
    assert.ok(seen.has("/vendor/uplot.js") && seen.has("/main.ts"), [...seen].join(" "));
    assert.equal(await assetOf("/nothing"), null);
  },
});

Deno.test("a module for browsers has no types, and names the chart library by its address", () => {
  const text = browserModule('import x from "uplot";\nimport type { A } from "./a.ts";\nx as A;\n');
  assert.match(text, /from "\/vendor\/uplot\.js"/);
  assert.doesNotMatch(text, /a\.ts|as A/);
});

async function read(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> {
  const { value } = await reader.read();
  return new TextDecoder().decode(value);
}

Deno.test("a reader of the stream begins with all there is, then hears of changes", async () => {
  const { ask, stream } = server();
  const answer = await ask("/events");
  assert.equal(answer.headers.get("content-type"), "text/event-stream");
  const reader = answer.body?.getReader();
  assert.ok(reader);
  assert.equal(await read(reader), 'retry: 1000\nid: 0\nevent: snapshot\ndata: {"whole":true}\n\n');
  stream.send("change", { text: "two\nlines" });
  assert.equal(await read(reader), 'id: 1\nevent: change\ndata: {"text":"two\\nlines"}\n\n');
  await reader.cancel();
  assert.equal(stream.readers, 0);
});

Deno.test("readers are bounded, and one that takes nothing is dropped", () => {
  const stream = new EventStream();
  const streams = Array.from({ length: MOST_READERS }, () => stream.open("snapshot", {}));
  assert.ok(streams.every((one) => one !== null));
  assert.equal(stream.open("snapshot", {}), null);
  const text = "x".repeat(MOST_BYTES / 4);
  for (let i = 0; i < 6; i++) stream.send("change", text);
  assert.equal(stream.readers, 0);
  assert.equal(stream.dropped, MOST_READERS);
  assert.notEqual(stream.open("snapshot", {}), null);
  stream.close();
});

Deno.test("a reader that hears nothing for a while gets a comment", async () => {
  let nowMs = 0;
  const stream = new EventStream(() => nowMs);
  const reader = stream.open("snapshot", {})?.getReader();
  assert.ok(reader);
  await read(reader);
  stream.beat();
  nowMs = 10_000;
  stream.beat();
  assert.equal(await read(reader), ": alive\n\n");
  stream.close();
  assert.equal((await reader.read()).done, true);
});

Deno.test("labels of metrics are escaped, families without values left out", () => {
  const out = new Exposition();
  out.add("gauge", "x", "Help.", [[{ name: 'a"b\\c\nd' }, 1.5]]);
  out.add("counter", "y_total", "Help.", null);
  assert.equal(out.text, '# HELP x Help.\n# TYPE x gauge\nx{name="a\\"b\\\\c\\nd"} 1.5\n');
});
