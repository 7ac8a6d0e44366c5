/**
 * What stands in for Redpanda in its image, `rpk redpanda start FLAGS`: Kafka behind proxies that
 * speak Redpanda's versions of the protocol and no more, and as much of the admin API as a health
 * check asks for. Runs in a container.
 *
 * @module
 */

import { type Address, formatAddress, parseAddress } from "../../../core/address.ts";
import { until } from "../../../devstack/machine.ts";
import { configureKafka, kafkaJars } from "../../../devstack/servers.ts";
import { startProxy } from "../../../tests/integration/adapters/_proxy.ts";
import { REDPANDA_APIS } from "../../../tests/integration/_support/redpanda_apis.ts";

const DATA = "/var/lib/redpanda/data";
/** Read on the first start; Redpanda reads none without it, and neither does this. */
const BOOTSTRAP = "/etc/redpanda/.bootstrap.yaml";
const ADMIN_PORT = 9644;
/** Kafka's own ports behind the proxies, and its controller's. */
const BEHIND = { internal: 29092, external: 29093, controller: 29094 };

/** rpk's flags, those of `docker-compose.yml`; it refuses others. */
const FLAGS = [
  ...["node-id", "smp", "memory", "reserve-memory", "overprovisioned", "check"],
  ...["kafka-addr", "advertise-kafka-addr", "rpc-addr", "advertise-rpc-addr"],
];

function flagsOf(args: readonly string[]): Map<string, string> {
  return new Map(args.map((arg) => {
    const [, name = "", value = ""] = /^--([a-z-]+)(?:=(.*))?$/.exec(arg) ?? [];
    if (!FLAGS.includes(name)) throw new SyntaxError(`unknown flag: ${arg}`);
    return [name, value];
  }));
}

/** Reads `internal://host:port,external://host:port`. */
function listenersOf(text = ""): { internal: Address; external: Address } {
  const found = /^internal:\/\/(.+),external:\/\/(.+)$/.exec(text);
  const [internal, external] = [parseAddress(found?.[1] ?? ""), parseAddress(found?.[2] ?? "")];
  if (internal === null || external === null) {
    throw new SyntaxError(`listeners must be internal and external, got ${text}`);
  }
  return { internal, external };
}

const flags = flagsOf(Deno.args);
const listens = listenersOf(flags.get("kafka-addr"));
const advertised = listenersOf(flags.get("advertise-kafka-addr"));
const settings = await Deno.readTextFile(BOOTSTRAP);
// As rpk: where the root can't be written to, it fails here.
await Deno.writeTextFile("/etc/redpanda/redpanda.yaml", "redpanda: {}\n");

const { invocation } = await configureKafka(
  kafkaJars("/usr/bin/java", "/opt/kafka"),
  DATA,
  [BEHIND.internal, BEHIND.controller],
);
const properties = invocation.args.at(-1) ?? "";
// The last line of a name counts.
const overrides = {
  "listeners": `INTERNAL://127.0.0.1:${BEHIND.internal},EXTERNAL://127.0.0.1:${BEHIND.external},` +
    `CONTROLLER://127.0.0.1:${BEHIND.controller}`,
  "advertised.listeners": `INTERNAL://${formatAddress(advertised.internal)},` +
    `EXTERNAL://${formatAddress(advertised.external)}`,
  "listener.security.protocol.map": "INTERNAL:PLAINTEXT,EXTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
  "inter.broker.listener.name": "INTERNAL",
  "auto.create.topics.enable": /^auto_create_topics_enabled: (\w+)$/m.exec(settings)?.[1] ?? true,
};
await Deno.writeTextFile(
  properties,
  Object.entries(overrides).map(([name, value]) => `${name}=${value}\n`).join(""),
  { append: true },
);

const kafka = new Deno.Command(invocation.program, { args: [...invocation.args], stdin: "null" })
  .spawn();
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.addSignalListener(signal, () => kafka.kill("SIGTERM"));
}
let isUp = false;
Deno.serve({ hostname: "0.0.0.0", port: ADMIN_PORT, onListen: () => {} }, (request) => {
  const { pathname } = new URL(request.url);
  return pathname === "/v1/cluster/health_overview"
    ? Response.json({ is_healthy: isUp, controller_id: 0, all_nodes: [0], nodes_down: [] })
    : new Response("not found\n", { status: 404 });
});
/** Whether Kafka listens, which it does once it serves; this image has no client to ask it by. */
async function accepts(port: number): Promise<boolean> {
  try {
    using _ = await Deno.connect({ hostname: "127.0.0.1", port });
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) return false;
    throw error;
  }
}

const ready = async () => await accepts(BEHIND.internal) && await accepts(BEHIND.external);
const started = until(ready, { timeoutMs: 120_000, everyMs: 100 }).then((answers) => {
  if (!answers) return;
  for (const name of ["internal", "external"] as const) {
    startProxy(`127.0.0.1:${BEHIND[name]}`, {
      caps: REDPANDA_APIS["26.2"],
      strict: true,
      listen: listens[name],
      advertised: advertised[name].port,
    });
  }
  isUp = true;
  console.log("Successfully started Redpanda! (Kafka in its place)");
});
const { code } = await kafka.status;
void started;
Deno.exit(code === 143 ? 0 : code);
