/**
 * What must hold of the Compose files beyond their schema: each rule stands for a way in which
 * `docker compose` is known to fail, or for something that nobody would notice until it hurts. What
 * only an engine can show is shown by `deno task check:compose:up`.
 *
 * @module
 */

import {
  COMPOSE_BROKER,
  COMPOSE_PROJECT,
  COMPOSE_TEMPORAL,
  COMPOSE_UI,
  type ComposeContainer,
  findEndpoint,
} from "../../../devstack/compose.ts";
import { DEV_SERVER_SETTINGS } from "../../../devstack/servers.ts";
import type { Project, Service } from "./project.ts";

/** What the rules know of the rest of the project. */
export interface RuleContext {
  /** The commands of `cli/main.ts`. */
  readonly commands: readonly string[];
  /** The environment variables that are settings. */
  readonly settings: readonly string[];
}

/**
 * The programs that images are known to hold, by the image without its tag; sources are in
 * docs/operations.md. Ours holds what `deploy/image` holds.
 */
const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  "docker.redpanda.com/redpandadata/redpanda": ["rpk", "grep"],
  "temporalio/temporal": ["temporal"],
  "temporalio/server": ["nc"],
  "postgres": ["pg_isready"],
  "tidegate": ["/app/deploy/image/healthy"],
};

/** Services without a health check, and why. */
const NO_HEALTH: Readonly<Record<string, string>> = {
  console: "nothing says which programs its image holds, and nothing waits for it",
  "temporal-ui": "nothing says which programs its image holds, and nothing waits for it",
  producer: "it listens on nothing, and ends if it can't send",
  spike: "somebody runs it and looks at it, and it ends",
};

/** Services whose root can be written to, and why. */
const WRITABLE: Readonly<Record<string, string>> = {
  redpanda: "rpk writes redpanda.yaml",
  "temporal-ui": "its start script writes its configuration",
};

/** Services that keep the default capabilities, and why. */
const CAPABLE: Readonly<Record<string, string>> = {
  redpanda: "not tried without",
};

/** Our image, without its tag. */
const OURS = "tidegate";

const isOneShot = ({ restart }: Service) => restart === "no";

type Rule = (service: Service, project: Project, context: RuleContext) => string[];

/** One rule a service. */
const RULES: readonly Rule[] = [
  function oneShotsAreAdopted(service, { services }) {
    if (!isOneShot(service)) return [];
    const adopted = services.some((other) =>
      !isOneShot(other) && other.dependsOn.get(service.name) === "service_completed_successfully"
    );
    return adopted ? [] : [
      "ends by itself, so a service that stays must wait for it with " +
      "service_completed_successfully; else `up --wait` exits with 1",
    ];
  },
  function conditionsCanHold({ dependsOn }, { services }) {
    return [...dependsOn].flatMap(([name, condition]) => {
      const other = services.find((one) => one.name === name);
      if (other === undefined) return [`waits for ${name}, which is not there`];
      if (condition === "service_healthy" && other.healthcheck.length === 0) {
        return [`waits until ${name} is healthy, which has no health check`];
      }
      const ends = condition === "service_completed_successfully";
      if (ends && !isOneShot(other)) return [`waits for the end of ${name}, which stays`];
      if (!ends && isOneShot(other)) return [`waits for ${name}, which ends, without its success`];
      return [];
    });
  },
  function imagesArePinned({ image }) {
    const pinned = /:v?\d+\.\d+(?:\.\d+)?(?:-[\w.]+)?(?:@sha256:[0-9a-f]{64})?$/.test(image);
    return pinned ? [] : [`its image must be pinned to a version, got ${image || "none"}`];
  },
  /** Who builds prints its build, in the middle of what `run` prints; and a name may be taken. */
  function oursAreBuiltOnce({ name, image, built, pullPolicy }, { services }) {
    if (nameOf(image) !== OURS) return [];
    const builders = services.filter((one) => one.image === image && one.built);
    return [
      ...(builders.length === 1
        ? []
        : [`its image must be built by one service, got ${builders.map((one) => one.name)}`]),
      ...(!built && pullPolicy !== "never"
        ? [`it must take the image that is built here, by pull_policy never, got ${pullPolicy}`]
        : []),
      ...(built && pullPolicy !== "build"
        ? [`${name} must build the image anew, by pull_policy build, got ${pullPolicy}`]
        : []),
    ];
  },
  function nothingIsInAProfile({ profiles }) {
    return profiles.length === 0 ? [] : [
      `is in the profile ${profiles}: \`docker compose down\` would leave it behind; ` +
      "what runs on demand has a scale of 0",
    ];
  },
  function logsAreLimited({ log: { maxSize, maxFile } }) {
    return maxSize !== "" && maxFile !== "" ? [] : ["must have a limit of its log"];
  },
  /** An engine makes a config's text as a file in the container, and binds a file of the checkout. */
  function configsCanBeRead({ configs, readOnly }, project) {
    return configs.flatMap((name) => {
      const { file = "" } = project.configs.get(name) ?? {};
      if (file !== "") {
        return [`is given the file ${file}, which a umask of 077 keeps from its user`];
      }
      return readOnly
        ? [`is given the text of ${name}, for which its root can't be read-only`]
        : [];
    });
  },
  function healthIsChecked(service) {
    const { name, healthcheck, image } = service;
    if (isOneShot(service)) return [];
    if (healthcheck.length === 0) {
      return name in NO_HEALTH ? [] : ["must have a health check"];
    }
    const [kind = "", first = ""] = healthcheck;
    const used = kind === "CMD-SHELL"
      ? first.split(/\|\|?|&&|;/).map((part) => part.trim().split(" ")[0] ?? "")
      : [first];
    const there = [...PROGRAMS[nameOf(image)] ?? [], "exit"];
    return used.filter((program) => !there.includes(program))
      .map((program) => `its health check uses ${program}, which ${image} is not known to hold`);
  },
  function portsAreOnLoopback({ ports }) {
    return ports.filter(({ hostIp }) => hostIp !== "127.0.0.1")
      .map(({ published, hostIp }) =>
        `port ${published} must be published on 127.0.0.1, got ${hostIp || "all addresses"}`
      );
  },
  function portsAreNotTakenTwice({ name, ports }, { services }) {
    const others = services.filter((other) => other.name > name).flatMap((other) => other.ports);
    return ports.filter(({ published }) => others.some((other) => other.published === published))
      .map(({ published }) => `port ${published} is published by another service too`);
  },
  function resourcesAreLimited({ limits, command }) {
    const problems = (limits.cpus ?? 0) > 1
      ? ["its limit of cpus must not be above 1: an engine with fewer processors refuses it"]
      : [];
    if (limits.memoryBytes === null) return [...problems, "must have a limit of memory"];
    const own = command.map((word) => /^--memory=(\d+)G$/.exec(word)?.[1]).find(Boolean);
    const needed = Number(own ?? 0) * 1.25 * 2 ** 30;
    return limits.memoryBytes < needed
      ? [...problems, `its limit of memory must leave room above its own --memory=${own}G`]
      : problems;
  },
  function nobodyIsRoot({ user }) {
    return /^[1-9]\d*(?::\d+)?$/.test(user)
      ? []
      : [`its user must be a number that is not 0, got ${user || "the image's"}`];
  },
  function rootsAreReadOnly({ name, readOnly }) {
    return readOnly || name in WRITABLE ? [] : ["its root must be read-only"];
  },
  function privilegesAreDropped({ name, capDrop, securityOpt }) {
    return [
      ...(capDrop.includes("ALL") || name in CAPABLE ? [] : ["must drop all capabilities"]),
      ...(securityOpt.includes("no-new-privileges:true") ? [] : ["must set no-new-privileges"]),
    ];
  },
  function restartsAreSet(service) {
    if (isOneShot(service)) return [];
    const { restart, stopGrace } = service;
    return [
      ...(restart === "unless-stopped" ? [] : [`its restart policy must be unless-stopped or no`]),
      ...(stopGrace === "" ? ["must say how long it may take to stop"] : []),
    ];
  },
  function dataHaveNames({ mounts }) {
    return mounts.filter(({ type, source }) => type !== "volume" || source === "")
      .map(({ target }) => `what is mounted at ${target} must be a volume with a name`);
  },
  function oursAreCalledRightly({ image, command, environment }, _, { commands, settings }) {
    if (nameOf(image) !== OURS) return [];
    const [name = "start"] = command;
    return [
      ...(commands.includes(name) ? [] : [`there is no command ${name}`]),
      ...[...environment.keys()].filter((variable) => !settings.includes(variable))
        .map((variable) => `${variable} is no setting`),
    ];
  },
];

/** Rules about the project as a whole. */
const PROJECT_RULES: readonly ((project: Project) => string[])[] = [
  function itHasOurName({ name }) {
    return name === COMPOSE_PROJECT ? [] : [`must be named ${COMPOSE_PROJECT}, got ${name}`];
  },
  /** `deno task …` on this machine looks for the servers by these labels and ports. */
  function hostsFindTheServers({ services }) {
    const containers = services.map((service): ComposeContainer => ({
      service: service.name,
      tag: "",
      ports: new Map(
        service.ports.map(({ target, published, hostIp }) => [
          target,
          { host: hostIp, port: Number(published) },
        ]),
      ),
    }));
    const wanted = { broker: COMPOSE_BROKER, Temporal: COMPOSE_TEMPORAL, "Web UI": COMPOSE_UI };
    return Object.entries(wanted).filter(([, endpoint]) =>
      findEndpoint(containers, endpoint) === null
    )
      .map(([what]) => `devstack/compose.ts must find the ${what} among the published ports`);
  },
  function brokerTellsItsPublishedPort({ services }) {
    const broker = services.find(({ name }) => name === "redpanda");
    const port = broker?.ports.find(({ target }) => target === 19092)?.published;
    const told = broker?.command.find((word) => word.startsWith("--advertise-kafka-addr="));
    return told?.endsWith(`,external://127.0.0.1:${port}`)
      ? []
      : [`redpanda must advertise 127.0.0.1:${port}, got ${told}`];
  },
  function temporalHasItsSettings({ services }) {
    const temporal = services.find(({ name }) => name === "temporal");
    const file = temporal?.environment.get("TEMPORAL_SETTINGS") ?? "";
    const isDevServer = temporal?.command.includes("start-dev");
    return Object.entries(DEV_SERVER_SETTINGS).filter(([name, value]) =>
      isDevServer
        ? !temporal?.command.includes(`--dynamic-config-value=${name}=${value}`)
        : !file.includes(`${name}:\n  - value: ${value.replaceAll('"', "")}\n`)
    ).map(([name, value]) => `temporal must have ${name}=${value}`);
  },
];

/** An image without its tag. */
function nameOf(image: string): string {
  return image.replace(/:[^:/]*$/, "");
}

/**
 * Finds published ports that can't be set, in a Compose file as it is written.
 *
 * @returns What is wrong, a sentence each.
 */
export function fixedPorts(text: string): string[] {
  return [...text.matchAll(/^\s*- "(?:[\d.]+:)?([^"]+):\d+"/gm)].map(([, port = ""]) => port)
    .filter((port) => !/^\$\{\w+:-\d+\}$/.test(port))
    .map((port) => `port ${port} must be a variable with a default: another program may have it`);
}

/**
 * Checks a project.
 *
 * @param project The project with the services of some profiles.
 * @param context What the rules know of the rest.
 * @returns What is wrong, a sentence each; empty if nothing is.
 */
export function composeProblems(project: Project, context: RuleContext): string[] {
  return [
    ...PROJECT_RULES.flatMap((rule) => rule(project)).map((problem) => `the project ${problem}`),
    ...project.services.flatMap((service) =>
      RULES.flatMap((rule) => rule(service, project, context))
        .map((problem) => `${service.name}: ${problem}`)
    ),
  ];
}
