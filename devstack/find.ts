/**
 * Where a server comes from, in this order: set addresses, the project's compose servers, programs
 * on the PATH, own builds. Each source is one small function; the first that finds something wins.
 *
 * @module
 */
import { join } from "node:path";
import {
  ensureBuilt,
  KAFKA_PIN,
  kafkaRecipe,
  OLDEST,
  TEMPORAL_PIN,
  TEMPORAL_PROGRAM,
  temporalRecipe,
} from "./build.ts";
import {
  COMPOSE_BROKER,
  COMPOSE_TEMPORAL,
  COMPOSE_UI,
  type ComposeView,
  findEndpoint,
} from "./compose.ts";
import {
  compareVersions,
  findJava,
  type Machine,
  type MissingTool,
  readGoVersion,
  readKafkaVersion,
  readTemporalServerVersion,
} from "./machine.ts";
import type { WantedPort } from "./ports.ts";
import { probeTemporal } from "./probe.ts";
import {
  configureKafka,
  configureTemporal,
  kafkaJars,
  type KafkaPrograms,
  kafkaScripts,
} from "./servers.ts";
import type { LastPorts } from "./state.ts";
import {
  type Found,
  SERVER_SOURCES,
  type ServerPlan,
  type ServerRole,
  type ServerSource,
  type StackOptions,
} from "./types.ts";

/** What every search may use. */
export interface Search {
  /** What the caller wants. */
  readonly options: StackOptions;
  /** The data folder, absolute. */
  readonly dataDir: string;
  /** The cache folder. */
  readonly cacheDir: string;
  /** The machine. */
  readonly machine: Machine;
  /** The ports used last. */
  readonly lastPorts: LastPorts;
  /** Asks Docker; only once, however often it is called. */
  compose(): Promise<ComposeView>;
}

/** Looks in one source; null if there is nothing. */
export type Finder = (search: Search) => Promise<Found | null>;

/** One finder a source. */
export type Finders = Readonly<Record<ServerSource, Finder>>;

/**
 * Looks for a server in all allowed sources, in their order.
 *
 * @returns What the first source with anything has; `missing` with no tools if none has.
 */
export async function findFirst(finders: Finders, search: Search): Promise<Found> {
  const allowed = search.options.sources ?? SERVER_SOURCES;
  for (const source of SERVER_SOURCES) {
    const found = allowed.includes(source) ? await finders[source](search) : null;
    if (found !== null) return found;
  }
  return { kind: "missing", tools: [] };
}

/** The setting that names a server's address. */
export const ADDRESS_SETTING: Readonly<Record<ServerRole, string>> = {
  broker: "KAFKA_BROKERS",
  temporal: "TEMPORAL_ADDRESS",
};

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
  path: findKafkaScripts,
  built: findKafkaBuild,
};

/** The ports of the gRPC frontend and of the Web UI. */
export function temporalPorts(search: Search): readonly [frontend: WantedPort, ui: WantedPort] {
  const { options, lastPorts } = search;
  return [
    {
      port: options.temporalPort,
      what: "Temporal",
      setting: "TIDEGATE_TEMPORAL_PORT",
      last: lastPorts.temporal,
    },
    {
      port: options.uiPort,
      what: "Temporal's Web UI",
      setting: "TIDEGATE_UI_PORT",
      last: lastPorts.ui,
    },
  ];
}

/** The part of a plan that is the same for all programs. */
function temporalPlan(
  search: Search,
  program: string,
  rest: Pick<ServerPlan, "version" | "source" | "mustBuild" | "prepare">,
): Found {
  const dir = join(search.dataDir, "temporal");
  const plan: ServerPlan = {
    role: "temporal",
    product: "Temporal",
    ports: temporalPorts(search),
    extraPorts: 0,
    configure: ([port = 0, uiPort = 0]) => configureTemporal(program, dir, [port, uiPort]),
    ...rest,
  };
  return { kind: "startable", plan };
}

/** Looks for a `temporal` program on the PATH. */
async function findTemporalProgram(search: Search): Promise<Found | null> {
  const answer = await search.machine.run("temporal", ["--version"]);
  if (answer === null) return null;
  const version = answer.code === 0 ? readTemporalServerVersion(answer.stdout) : null;
  if (version === null || compareVersions(version, OLDEST.temporalServer) < 0) {
    const said = version === null ? "no version" : `server ${version}`;
    search.options.say(
      `not using temporal of the PATH: its server must be ${OLDEST.temporalServer} or later, ` +
        `got ${said}`,
    );
    return null;
  }
  const prepare = () => Promise.resolve();
  return temporalPlan(search, "temporal", { version, source: "path", mustBuild: false, prepare });
}

/** Temporal by Go: needs Go where it is not built yet. */
async function findTemporalBuild(search: Search): Promise<Found> {
  const { machine, cacheDir, options } = search;
  const folder = join(cacheDir, temporalRecipe.folder);
  const mustBuild = !await machine.exists(folder);
  if (mustBuild) {
    const answer = await machine.run("go", ["version"]);
    const version = answer?.code === 0 ? readGoVersion(answer.stdout) : null;
    if (version === null || compareVersions(version, OLDEST.go) < 0) {
      const tool = {
        tool: `Go ${OLDEST.go} or later`,
        found: version === null ? null : `Go ${version}`,
        purpose: `build Temporal ${TEMPORAL_PIN.version}`,
        install:
          `Install Go ${OLDEST.go} or later (Debian, Ubuntu, Fedora of the last years: golang; ` +
          "Homebrew: go), or put the temporal CLI on the PATH.",
      };
      return { kind: "missing", tools: [tool] };
    }
  }
  return temporalPlan(search, join(folder, TEMPORAL_PROGRAM), {
    version: TEMPORAL_PIN.serverVersion,
    source: "built",
    mustBuild,
    prepare: async () => void await ensureBuilt(temporalRecipe, { cacheDir, say: options.say }),
  });
}

/** Where a Temporal server can come from. */
export const temporalFinders: Finders = {
  given: async ({ options }) => {
    const address = options.temporalAddress;
    if (address === undefined) return null;
    const server = {
      address,
      product: "Temporal",
      version: (await probeTemporal(address))?.version ?? "unknown",
      pid: null,
      source: "given",
      startedByUs: false,
    } as const;
    return { kind: "there", server, webUi: null };
  },
  compose: async (search) => {
    const { containers } = await search.compose();
    const endpoint = findEndpoint(containers, COMPOSE_TEMPORAL);
    if (endpoint === null) return null;
    const ui = findEndpoint(containers, COMPOSE_UI);
    const server = {
      address: endpoint.address,
      product: "Temporal",
      version: (await probeTemporal(endpoint.address))?.version ?? "unknown",
      pid: null,
      source: "compose",
      startedByUs: false,
    } as const;
    return { kind: "there", server, webUi: ui === null ? null : `http://${ui.address}` };
  },
  path: findTemporalProgram,
  built: findTemporalBuild,
};
