/**
 * Where a Temporal server can come from.
 *
 * @module
 */
import { join } from "node:path";
import { ensureBuilt } from "./build.ts";
import { COMPOSE_TEMPORAL, COMPOSE_UI, findEndpoint } from "./compose.ts";
import type { Finders, Search } from "./find.ts";
import { OLDEST, TEMPORAL_PIN } from "./pins.ts";
import type { Found, ServerPlan } from "./plan.ts";
import type { WantedPort } from "./ports.ts";
import { probeTemporal } from "./probe_temporal.ts";
import { TEMPORAL_PROGRAM, temporalRecipe } from "./temporal_build.ts";
import { configureTemporal } from "./temporal_server.ts";
import { compareVersions, readGoVersion, readTemporalServerVersion } from "./tools.ts";

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
async function findProgram(search: Search): Promise<Found | null> {
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
async function findBuild(search: Search): Promise<Found> {
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
  path: findProgram,
  built: findBuild,
};
