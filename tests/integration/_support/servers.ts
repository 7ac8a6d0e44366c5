/**
 * Where the tests of the whole path find a broker, a Temporal server and Kafka's own tools. Without
 * the permissions for it, nothing is read and the tests are ignored.
 *
 * @module
 */

import { loadConfig } from "../../../cli/config.ts";
import type { KafkaSettings } from "../../../adapters/kafka/log.ts";
import type { TemporalSettings } from "../../../adapters/temporal/client.ts";
import { KAFKA_JARS, kafkaRecipe } from "../../../devstack/build.ts";

/** Whether a test may start processes and talk to servers. */
const MAY_RUN: boolean = (["run", "read", "write", "net", "env", "sys", "ffi"] as const)
  .every((name) => Deno.permissions.querySync({ name }).state === "granted");

/** The broker for tests. */
export const KAFKA: KafkaSettings = {
  brokers: [testVariable("TIDEGATE_TEST_BROKER") ?? ""],
  clientId: "tidegate-test",
};

/** The Temporal server for tests. */
export const TEMPORAL: TemporalSettings = {
  address: testVariable("TIDEGATE_TEST_TEMPORAL") ?? "",
  namespace: "default",
};

/** Whether tests that need both servers are left out. */
export const NO_SERVERS: boolean = KAFKA.brokers[0] === "" || TEMPORAL.address === "";

/** The folder of Kafka's jars: `TIDEGATE_TEST_KAFKA_LIBS`, or where `local/` has built them. */
export const KAFKA_LIBS: string | null = MAY_RUN ? kafkaLibs() : null;

/** Whether Python is there, which the oracle is written in. */
export const NO_PYTHON: boolean = !MAY_RUN || !answers("python3", "--version");

/** Whether tests that ask the oracle of a topic are left out. */
export const NO_ORACLE: boolean = NO_SERVERS || NO_PYTHON || KAFKA_LIBS === null;

if (!NO_SERVERS && NO_ORACLE) {
  const missing = NO_PYTHON ? "python3" : "Kafka's jars (TIDEGATE_TEST_KAFKA_LIBS)";
  console.error(`Tests against the oracle are ignored: there is no ${missing}.`);
}

/** The Java program. */
export function javaProgram(): string {
  const home = testVariable("JAVA_HOME");
  return home === undefined ? "java" : `${home}/bin/java`;
}

/**
 * A variable of the environment that tests read.
 *
 * @param name Its name.
 * @returns Its value; undefined where it is empty, unset or must not be read.
 */
export function testVariable(name: string): string | undefined {
  return MAY_RUN ? Deno.env.get(name) || undefined : undefined;
}

function kafkaLibs(): string | null {
  const { cacheDir } = loadConfig(Deno.env.toObject());
  const folder = testVariable("TIDEGATE_TEST_KAFKA_LIBS") ??
    `${cacheDir}/${kafkaRecipe.folder}/${KAFKA_JARS}`;
  try {
    return Deno.statSync(folder).isDirectory ? folder : null;
  } catch {
    return null;
  }
}

function answers(program: string, argument: string): boolean {
  try {
    return new Deno.Command(program, { args: [argument] }).outputSync().success;
  } catch {
    return false;
  }
}
