/**
 * A Kafka of its own with a listener that wants SASL, whose sessions are short.
 *
 * @module
 */

import { join } from "node:path";
import { ensureBuilt, kafkaRecipe } from "../../../devstack/build.ts";
import { findJava, thisMachine, until } from "../../../devstack/machine.ts";
import { choosePorts } from "../../../devstack/ports.ts";
import { configureKafka, kafkaJars } from "../../../devstack/servers.ts";

/** A running broker. */
export interface SaslBroker extends AsyncDisposable {
  /** `host:port` of the listener that wants SASL. */
  readonly address: string;
  /** Who may log in. */
  readonly sasl: {
    readonly mechanism: "plain";
    readonly username: string;
    readonly password: string;
  };
}

/** Starts the broker; sessions end after `sessionMs`. */
export async function startSaslBroker(sessionMs: number): Promise<SaslBroker> {
  const home = Deno.env.get("HOME") ?? "";
  const cacheDir = Deno.env.get("TIDEGATE_CACHE") ?? join(home, ".cache", "tidegate");
  await ensureBuilt(kafkaRecipe, { cacheDir, say: () => {} });
  const java = await findJava(thisMachine);
  if (java === null) throw new Error("Cannot start Kafka: Java must be installed, got none");
  const dir = await Deno.makeTempDir({ prefix: "tidegate-sasl-" });
  const [plain = 0, controller = 0, sasl = 0] = choosePorts([], 3);
  const programs = kafkaJars(java.program, join(cacheDir, kafkaRecipe.folder));
  const launch = await configureKafka(programs, dir, [plain, controller]);
  const host = "127.0.0.1";
  const open = `PLAINTEXT://${host}:${plain},SASL_PLAINTEXT://${host}:${sasl}`;
  const login = "org.apache.kafka.common.security.plain.PlainLoginModule required";
  // Of a property that stands twice, the last value counts.
  const more = [
    `listeners=${open},CONTROLLER://${host}:${controller}`,
    `advertised.listeners=${open}`,
    "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT," +
    "CONTROLLER:PLAINTEXT",
    "sasl.enabled.mechanisms=PLAIN",
    `listener.name.sasl_plaintext.plain.sasl.jaas.config=${login} user_tester="secret";`,
    `listener.name.sasl_plaintext.plain.connections.max.reauth.ms=${sessionMs}`,
  ];
  const properties = join(dir, "server.properties");
  await Deno.writeTextFile(properties, `${more.join("\n")}\n`, { append: true });
  const { program, args, env } = launch.invocation;
  const child = new Deno.Command(program, {
    args: [...args],
    env: { ...env },
    cwd: dir,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const broker = {
    address: `${host}:${sasl}`,
    sasl: { mechanism: "plain", username: "tester", password: "secret" } as const,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
      await Deno.remove(dir, { recursive: true });
    },
  };
  if (await until(launch.ready, { timeoutMs: 90_000 })) return broker;
  await broker[Symbol.asyncDispose]();
  throw new Error("Cannot start Kafka: it must answer within 90 s");
}
