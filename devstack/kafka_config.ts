/**
 * The configuration of a single Kafka process that is broker and controller at once (KRaft).
 *
 * @module
 */
import { LOCALHOST } from "./ports.ts";

/** What differs from one Kafka to the next. */
export interface KafkaConfig {
  /** Folder of the log, absolute, without a comma. */
  readonly logDir: string;
  /** Port for clients. */
  readonly port: number;
  /** Port of the controller's listener; only the process itself connects to it. */
  readonly controllerPort: number;
}

/**
 * Writes a value of a Java properties file, which Java reads as ISO 8859-1.
 *
 * @param value The value.
 * @returns The value with backslashes and everything beyond ASCII escaped.
 */
export function escapeProperty(value: string): string {
  return value.replace(/\\/g, "\\\\").replace(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/**
 * Writes `server.properties`.
 *
 * @param config What differs.
 * @returns The file's text.
 */
export function kafkaProperties(config: KafkaConfig): string {
  const { logDir, port, controllerPort } = config;
  const properties: Record<string, string | number | boolean> = {
    "process.roles": "broker,controller",
    "node.id": 1,
    "controller.quorum.voters": `1@${LOCALHOST}:${controllerPort}`,
    "listeners": `PLAINTEXT://${LOCALHOST}:${port},CONTROLLER://${LOCALHOST}:${controllerPort}`,
    "advertised.listeners": `PLAINTEXT://${LOCALHOST}:${port}`,
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "log.dirs": logDir,
    // A misspelt topic must be an error, not a new topic.
    "auto.create.topics.enable": false,
    // A group's first member must not wait 3 s for others.
    "group.initial.rebalance.delay.ms": 0,
    // One broker: nothing can be replicated. One partition each: the first commit or transaction
    // would otherwise wait for 50 of them to be made.
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 1,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "transaction.state.log.num.partitions": 1,
    // After a crash the new process waits until the old one's session has run out: 9 s by default.
    "broker.session.timeout.ms": 4000,
    "broker.heartbeat.interval.ms": 1000,
    // The compactor's buffer is 128 MB of heap by default; 16 MB hold 600,000 keys.
    "log.cleaner.dedupe.buffer.size": 16_777_216,
  };
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${escapeProperty(String(value))}\n`)
    .join("");
}

/** The cluster's id in the text of `meta.properties`, or null. */
export function readClusterId(metaProperties: string): string | null {
  return /^cluster\.id=(\S+)$/m.exec(metaProperties)?.[1] ?? null;
}

/**
 * Makes a cluster id of the form that Kafka wants.
 *
 * @param random 16 random bytes.
 * @returns The bytes in URL-safe base64; a leading `-`, which would read as a flag, becomes `A`.
 */
export function clusterId(random: Uint8Array): string {
  const base64 = btoa(String.fromCharCode(...random.subarray(0, 16)));
  const safe = base64.replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  return safe.startsWith("-") ? `A${safe.slice(1)}` : safe;
}
