/**
 * Where a broker can come from.
 *
 * @module
 */
import { join } from "node:path";
import { ensureBuilt } from "./build.ts";
import { COMPOSE_BROKER, findEndpoint } from "./compose.ts";
import type { Finders, Search } from "./find.ts";
import { kafkaRecipe } from "./kafka_build.ts";
import { configureKafka, kafkaJars, type KafkaPrograms, kafkaScripts } from "./kafka_server.ts";
import { KAFKA_PIN, OLDEST } from "./pins.ts";
import type { Found, ServerPlan } from "./plan.ts";
import type { WantedPort } from "./ports.ts";
import { configureRedpanda } from "./redpanda_server.ts";
import {
  compareVersions,
  findJava,
  type MissingTool,
  readKafkaVersion,
  readRedpandaVersion,
} from "./tools.ts";

/** The port that clients use. */
export function brokerPort(search: Search): WantedPort {
  const { options, lastPorts } = search;
  const setting = "TIDEGATE_BROKER_PORT";
  return { port: options.brokerPort, what: "the broker", setting, last: lastPorts.broker };
}

/** The part of a plan that is the same for all Kafkas. */
function kafkaPlan(
  search: Search,
  programs: () => KafkaPrograms,
  rest: Pick<ServerPlan, "version" | "source" | "mustBuild" | "prepare">,
): Found {
  const dir = join(search.dataDir, "kafka");
  const plan: ServerPlan = {
    role: "broker",
    product: "Kafka",
    ports: [brokerPort(search)],
    extraPorts: 1,
    configure: ([port = 0, controllerPort = 0]) =>
      configureKafka(programs(), dir, [port, controllerPort], search.machine),
    ...rest,
  };
  return { kind: "startable", plan };
}

/** Looks for Kafka's scripts in `$KAFKA_HOME/bin` and on the PATH, with and without `.sh`. */
async function findKafkaScripts(search: Search): Promise<Found | null> {
  const { machine, options } = search;
  const home = machine.env("KAFKA_HOME");
  const bins = home === undefined ? [""] : [`${home}/bin/`, ""];
  for (const bin of bins) {
    for (const suffix of [".sh", ""]) {
      const script = `${bin}kafka-server-start${suffix}`;
      const answer = await machine.run(script, ["--version"]);
      if (answer === null) continue;
      const version = answer.code === 0 ? readKafkaVersion(answer.stdout) : null;
      if (version === null || compareVersions(version, OLDEST.kafka) < 0) {
        const said = version ?? (answer.stderr.trim().split("\n")[0] || "no version");
        options.say(`not using ${script}: must be Kafka ${OLDEST.kafka} or later, got ${said}`);
        continue;
      }
      const programs = kafkaScripts(bin, suffix, join(search.dataDir, "logs", "kafka"));
      const prepare = () => Promise.resolve();
      return kafkaPlan(search, () => programs, {
        version,
        source: "path",
        mustBuild: false,
        prepare,
      });
    }
  }
  return null;
}

/** Looks for a `redpanda` program on the PATH. */
async function findRedpanda(search: Search): Promise<Found | null> {
  const answer = await search.machine.run("redpanda", ["--version"]);
  const version = answer?.code === 0 ? readRedpandaVersion(answer.stdout + answer.stderr) : null;
  if (version === null) return null;
  const dir = join(search.dataDir, "redpanda");
  const plan: ServerPlan = {
    role: "broker",
    product: "Redpanda",
    version,
    source: "path",
    ports: [brokerPort(search)],
    extraPorts: 2,
    mustBuild: false,
    prepare: () => Promise.resolve(),
    configure: ([kafka = 0, rpc = 0, admin = 0]) =>
      configureRedpanda("redpanda", dir, [kafka, rpc, admin]),
  };
  return { kind: "startable", plan };
}

/** Kafka from Maven: needs Java to run, and Maven where it is not built yet. */
async function findKafkaBuild(search: Search): Promise<Found> {
  const { machine, cacheDir, options } = search;
  const folder = join(cacheDir, kafkaRecipe.folder);
  const mustBuild = !await machine.exists(folder);
  const java = await findJava(machine);
  const tools: MissingTool[] = [];
  if (java === null || java.major < OLDEST.java) {
    tools.push({
      tool: `Java ${OLDEST.java} or later`,
      found: java === null ? null : `Java ${java.major}`,
      purpose: `run Kafka ${KAFKA_PIN.version}, the broker`,
      install: `Install Java ${OLDEST.java} or later (Debian, Ubuntu: ` +
        `openjdk-${OLDEST.java}-jre-headless; Fedora: java-latest-openjdk-headless; ` +
        "Homebrew: openjdk).",
    });
  }
  const maven = mustBuild ? await machine.run("mvn", ["--version"]) : undefined;
  // Without Java, Maven is there and can't even tell its version.
  if (maven === null || (java !== null && maven !== undefined && maven.code !== 0)) {
    tools.push({
      tool: "Maven",
      found: null,
      purpose: `fetch Kafka ${KAFKA_PIN.version}`,
      install: "Install Maven (everywhere: maven).",
    });
  }
  if (java === null || tools.length > 0) return { kind: "missing", tools };
  return kafkaPlan(search, () => kafkaJars(java.program, folder), {
    version: KAFKA_PIN.version,
    source: "built",
    mustBuild,
    prepare: async () => void await ensureBuilt(kafkaRecipe, { cacheDir, say: options.say }),
  });
}

/** Where a broker can come from. */
export const brokerFinders: Finders = {
  given: ({ options }) => {
    if (options.kafkaBrokers === undefined) return Promise.resolve(null);
    // The protocol tells neither product nor version.
    const server = {
      address: options.kafkaBrokers,
      product: "Kafka API",
      version: "unknown",
      pid: null,
      source: "given",
      startedByUs: false,
    } as const;
    return Promise.resolve({ kind: "there", server, webUi: null });
  },
  compose: async (search) => {
    const endpoint = findEndpoint((await search.compose()).containers, COMPOSE_BROKER);
    if (endpoint === null) return null;
    const server = {
      address: endpoint.address,
      product: "Redpanda",
      version: endpoint.tag.replace(/^v/, ""),
      pid: null,
      source: "compose",
      startedByUs: false,
    } as const;
    return { kind: "there", server, webUi: null };
  },
  path: async (search) => await findKafkaScripts(search) ?? await findRedpanda(search),
  built: findKafkaBuild,
};
