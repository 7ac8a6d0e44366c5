/**
 * What programs are told: metrics by Prometheus's own parser, probes, spans by OpenTelemetry, logs,
 * and a Grafana dashboard that names no metric which does not exist.
 */

import assert from "node:assert/strict";
import { tumbling } from "../../../core/event_time/windows.ts";
import { student } from "../_support/events.ts";
import { pathTest } from "../_support/path_tests.ts";
import { NO_SERVERS } from "../_support/servers.ts";
import { until } from "../_support/until.ts";
import { freePort, Started } from "./_started.ts";

const PROMCHECK = new URL("promcheck/", import.meta.url);
const GRAFANA = new URL("../../../deploy/grafana/tidegate.json", import.meta.url);
const NO_GO = NO_SERVERS || !hasGo();

if (!NO_SERVERS && NO_GO) console.error("The test of metrics is ignored: there is no Go.");

/** What Prometheus's parser found. */
interface Found {
  readonly families: Readonly<Record<string, { readonly type: string; readonly samples: number }>>;
  readonly problems: readonly string[];
}

/** A span, as OTLP has it in JSON. */
interface Span {
  readonly name: string;
  readonly attributes: readonly {
    readonly key: string;
    readonly value: Readonly<Record<string, unknown>>;
  }[];
}

pathTest("metrics, probes, spans and logs of a running pipeline", async (world) => {
  const pipeline = await world.pipeline({
    windowing: tumbling("2s"),
    delayMs: 500,
    idleAfterMs: 60_000,
  });
  const { topic } = pipeline.plan;
  await world.createTopic(topic, 2);
  const spans: Span[] = [];
  const receiver = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => undefined },
    async (request) => {
      const body = await request.json();
      if (new URL(request.url).pathname === "/v1/traces") spans.push(...spansOf(body));
      return new Response("{}", { headers: { "content-type": "application/json" } });
    },
  );
  const started = await Started.start(pipeline, {
    env: {
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${receiver.addr.port}`,
      OTEL_BSP_SCHEDULE_DELAY: "200",
      OTEL_SERVICE_NAME: "tidegate",
    },
  });
  try {
    await world.phase("windows close while events come", async () => {
      const baseMs = Date.parse("2026-03-01T10:00:00Z");
      let ms = 0;
      await until("closed windows", async () => {
        ms += 500;
        await world.send(
          topic,
          [0, 1].map((partition) => ({ key: null, value: student(baseMs + ms), partition })),
        );
        const { now } = await started.state();
        return (now.closed ?? 0) >= 3 || undefined;
      }, { everyMs: 200 });
      await world.send(topic, [{ key: null, value: "{", partition: 0 }]);
    });

    await world.phase("Prometheus's parser and linter have nothing to complain of", async () => {
      const found = await until("the metrics", async () => {
        const text = await started.metrics();
        const closes = /^tidegate_close_to_emit_seconds_count (\d+)$/m.exec(text)?.[1];
        const invalid = text.includes('tidegate_events_total{outcome="invalid"} 1\n');
        return Number(closes) > 0 && invalid ? await promcheck(text) : undefined;
      });
      assert.deepEqual(found.problems, []);
      const types = Object.fromEntries(
        Object.entries(found.families).map(([name, { type }]) => [name, type]),
      );
      assert.equal(types["tidegate_sweep_busy_seconds"], "HISTOGRAM");
      assert.equal(types["tidegate_close_to_emit_seconds"], "HISTOGRAM");
      assert.equal(types["tidegate_lag_records"], "GAUGE");
      assert.equal(found.families["tidegate_events_total"]?.samples, 6);
      const named = await namedInGrafana();
      assert.ok(named.length > 15);
      for (const name of named) {
        const base = name.replace(/_(?:bucket|sum|count)$/, "");
        assert.ok(name in types || types[base] === "HISTOGRAM", `Grafana names ${name}`);
      }
      const manual = await Deno.readTextFile(
        new URL("../../../docs/operations.md", import.meta.url),
      );
      for (const name of Object.keys(types)) {
        assert.ok(manual.includes(`\`${name}\``), `the manual lacks ${name}`);
      }
    });

    await world.phase("the figures are those of the page and of the account", async () => {
      let seen: unknown;
      await until("the same figures", async () => {
        const { account, now } = await started.state();
        const text = await started.metrics();
        const value = (line: string) => Number(text.split(`\n${line} `)[1]?.split("\n")[0]);
        const told = [account?.account.events.aggregated, 1, now.closed, now.open];
        const measured = [
          value('tidegate_events_total{outcome="aggregated"}'),
          value('tidegate_events_total{outcome="invalid"}'),
          value("tidegate_windows_closed_total"),
          value("tidegate_windows_open"),
        ];
        seen = { told, measured };
        return JSON.stringify(told) === JSON.stringify(measured) || undefined;
      }, { seen: () => seen });
    });

    await world.phase("probes", async () => {
      assert.equal((await fetch(`${started.url}healthz`)).status, 200);
      const ready = await fetch(`${started.url}readyz`);
      assert.equal(await ready.text(), "ready\n");
    });

    await world.phase("spans of sweep and settle, of both processes", async () => {
      const names = ["sweep", "settle"];
      await until("the spans", () => {
        const seen = new Set(spans.map(({ name }) => name));
        return names.every((name) => seen.has(name)) || undefined;
      }, { seen: () => spans.map(({ name }) => name) });
      const sweep = spans.find(({ name }) => name === "sweep");
      const keys = sweep?.attributes.map(({ key }) => key) ?? [];
      for (const key of ["sweep", "partitions", "why", "busy_ms"]) {
        assert.ok(keys.includes(`tidegate.${key}`), `${key} of ${keys}`);
      }
    });

    await world.phase("logs are NDJSON on both outputs", () => {
      for (const line of started.lines) {
        const entry = JSON.parse(line);
        assert.deepEqual(Object.keys(entry), ["time", "kind", "message"], line);
      }
      const kinds = new Set(started.entries.map(({ kind }) => kind));
      assert.ok(kinds.has("started") && kinds.has("page") && kinds.has("fleet"));
      return Promise.resolve();
    });
  } finally {
    await started.stop();
    await receiver.shutdown();
  }
}, NO_GO);

pathTest("a port that is taken is told by its setting's name", async (world) => {
  const pipeline = await world.pipeline();
  await world.createTopic(pipeline.plan.topic, 1);
  const port = freePort();
  const taken = Deno.listen({ hostname: "127.0.0.1", port });
  try {
    const command = Started.start(pipeline, { args: ["--port", String(port)] });
    await assert.rejects(command, /TG_PORT_TAKEN.*TIDEGATE_PORT/);
  } finally {
    taken.close();
  }
}, NO_SERVERS);

function hasGo(): boolean {
  try {
    return new Deno.Command("go", { args: ["version"] }).outputSync().success;
  } catch {
    return false;
  }
}

async function promcheck(text: string): Promise<Found> {
  const child = new Deno.Command("go", {
    args: ["run", "."],
    cwd: PROMCHECK,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  await new Blob([text]).stream().pipeTo(child.stdin);
  const { success, stdout, stderr } = await child.output();
  assert.ok(success, new TextDecoder().decode(stderr));
  // Written by promcheck/main.go, so it is of this shape.
  return JSON.parse(new TextDecoder().decode(stdout)) as Found;
}

async function namedInGrafana(): Promise<string[]> {
  const text = await Deno.readTextFile(GRAFANA);
  return [...new Set(text.match(/\b(?:tidegate|process)_[a-z_]+\b/g))]
    .filter((name) => !/^process_$/.test(name));
}

/** OTLP nests spans in scopes in resources. */
function spansOf(body: {
  readonly resourceSpans?: readonly {
    readonly scopeSpans?: readonly { readonly spans?: readonly Span[] }[];
  }[];
}): Span[] {
  return (body.resourceSpans ?? []).flatMap(({ scopeSpans = [] }) =>
    scopeSpans.flatMap(({ spans = [] }) => spans)
  );
}
