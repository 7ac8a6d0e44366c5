/**
 * Starting a `redpanda` program that is on the PATH (there is none to build: it is C++).
 *
 * @module
 */
import { join } from "node:path";
import type { Launch } from "./plan.ts";
import { LOCALHOST } from "./ports.ts";
import { probeBroker } from "./probe_broker.ts";

/** The ports of a Redpanda: for clients, between nodes, for administration. */
export type RedpandaPorts = readonly [kafka: number, rpc: number, admin: number];

/**
 * Writes `redpanda.yaml`: what belongs to this one node. JSON strings are YAML strings.
 *
 * @param dataDir Folder of the data, absolute.
 * @param ports The node's ports.
 * @returns The file's text.
 */
export function redpandaYaml(dataDir: string, ports: RedpandaPorts): string {
  const [kafka, rpc, admin] = ports;
  const at = (port: number) => `{ address: ${LOCALHOST}, port: ${port} }`;
  return `redpanda:
  data_directory: ${JSON.stringify(dataDir)}
  developer_mode: true
  empty_seed_starts_cluster: true
  seed_servers: []
  rpc_server: ${at(rpc)}
  advertised_rpc_api: ${at(rpc)}
  kafka_api: [${at(kafka)}]
  advertised_kafka_api: [${at(kafka)}]
  admin: [${at(admin)}]
`;
}

/**
 * Writes `.bootstrap.yaml`: the cluster's properties, read at its first start only. A misspelt
 * topic is an error, a group's first member does not wait, and a laptop with less than 5 GiB free
 * can still be written to.
 */
export function redpandaBootstrapYaml(): string {
  return `auto_create_topics_enabled: false
group_initial_rebalance_delay: 0
group_topic_partitions: 1
storage_min_free_bytes: 10485760
`;
}

/**
 * Writes the configuration.
 *
 * @param program The `redpanda` program.
 * @param dir Folder of this broker's configuration and data, absolute.
 * @param ports The node's ports.
 * @returns What to start.
 */
export async function configureRedpanda(
  program: string,
  dir: string,
  ports: RedpandaPorts,
): Promise<Launch> {
  const dataDir = join(dir, "data");
  await Deno.mkdir(dataDir, { recursive: true });
  const config = join(dir, "redpanda.yaml");
  await Deno.writeTextFile(config, redpandaYaml(dataDir, ports));
  await Deno.writeTextFile(join(dir, ".bootstrap.yaml"), redpandaBootstrapYaml());
  const [port] = ports;
  const args = [
    ...["--redpanda-cfg", config, "--smp", "1", "--memory", "1G", "--reserve-memory", "0M"],
    ...["--overprovisioned", "--default-log-level", "warn"],
  ];
  return {
    invocation: { program, args, env: {} },
    address: `${LOCALHOST}:${port}`,
    webUi: null,
    ready: async () => await probeBroker({ host: LOCALHOST, port }) !== null,
  };
}
