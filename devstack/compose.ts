/**
 * The project's compose servers, if they are up: found by the labels that `docker compose` gives
 * its containers, without reading the compose file.
 *
 * @module
 */
import { type Address, formatAddress } from "../core/address.ts";
import type { Machine } from "./machine.ts";
import { LOCALHOST } from "./ports.ts";
import { parseFields } from "./state.ts";

/** The compose project's name, `name:` in `docker-compose.yml`. */
export const COMPOSE_PROJECT = "tidegate";

/** A running container of the project. */
export interface ComposeContainer {
  /** Its service's name in the compose file. */
  readonly service: string;
  /** The image's tag, or `unknown`. */
  readonly tag: string;
  /** Published ports: port in the container to address on this machine. */
  readonly ports: ReadonlyMap<number, Address>;
}

/**
 * Reads the `Ports` column of `docker ps`, as in
 * `127.0.0.1:19092->19092/tcp, [::1]:7000-7001->7000-7001/tcp, 9644/tcp`.
 *
 * @returns The published TCP ports; wildcard addresses become this machine's own.
 */
export function parsePublishedPorts(text: string): Map<number, Address> {
  const ports = new Map<number, Address>();
  for (const part of text.split(",")) {
    const match = /^\s*(.+):(\d+)(?:-(\d+))?->(\d+)(?:-(\d+))?\/tcp\s*$/.exec(part);
    if (match === null) continue;
    const bare = (match[1] ?? "").replace(/^\[|\]$/g, "");
    const host = bare === "0.0.0.0" || bare === "::" || bare === "" ? LOCALHOST : bare;
    const [first, last, inside] = [
      Number(match[2]),
      Number(match[3] ?? match[2]),
      Number(match[4]),
    ];
    if (last < first || last - first > 1000) continue;
    for (let i = 0; i <= last - first; i++) {
      // IPv4 stands first in Docker's answer; an IPv6 line for the same port adds nothing.
      if (!ports.has(inside + i)) ports.set(inside + i, { host, port: first + i });
    }
  }
  return ports;
}

function parseContainer(line: string): ComposeContainer | null {
  const fields = parseFields(line);
  if (fields === null) return null;
  const { Labels, Ports, State, Image } = fields;
  if (typeof Labels !== "string" || typeof Ports !== "string") return null;
  if (typeof State === "string" && State !== "running") return null;
  // Values of other labels may hold commas, names of services can't.
  const service = /(?:^|,)com\.docker\.compose\.service=([^,]+)/.exec(Labels)?.[1];
  if (service === undefined) return null;
  // A tag, not a registry's port or a digest.
  const tag = typeof Image === "string" ? /:([^:/@]+)(?:@.*)?$/.exec(Image)?.[1] : undefined;
  return { service, tag: tag ?? "unknown", ports: parsePublishedPorts(Ports) };
}

/**
 * Reads the answer of `docker ps --format json`: one JSON object a line. Lines of another shape are
 * left out.
 *
 * @returns The running containers that belong to a compose service.
 */
export function parseContainers(text: string): ComposeContainer[] {
  return text.split("\n")
    .map((line) => line.trim() === "" ? null : parseContainer(line))
    .filter((one) => one !== null);
}

/** What Docker says. */
export interface ComposeView {
  /** Whether a Docker engine answers, so that the project's compose file would run here. */
  readonly engine: boolean;
  /** The project's running containers. */
  readonly containers: readonly ComposeContainer[];
}

/**
 * Asks Docker for the project's containers.
 *
 * @param hasFile Whether the project has a compose file: only then is it worth offering.
 * @returns Nothing found where there is no Docker, or where it doesn't answer within 2 s.
 */
export async function askCompose(
  machine: Machine,
  hasFile: () => Promise<boolean> = hasComposeFile,
): Promise<ComposeView> {
  const filter = `label=com.docker.compose.project=${COMPOSE_PROJECT}`;
  const args = ["ps", "--filter", filter, "--format", "json"];
  const answer = await machine.run("docker", args, { timeoutMs: 2_000 });
  if (answer?.code !== 0) return { engine: false, containers: [] };
  return { engine: await hasFile(), containers: parseContainers(answer.stdout) };
}

/** A service of the compose file and its ports inside the container, the best first. */
export interface Endpoint {
  /** Names of services, the best first. */
  readonly services: readonly string[];
  /** Ports inside the container, the best first. */
  readonly ports: readonly number[];
}

/** The broker: the listener for clients outside comes before the one for other containers. */
export const COMPOSE_BROKER: Endpoint = { services: ["redpanda"], ports: [19092, 9092] };
/** Temporal's gRPC frontend. */
export const COMPOSE_TEMPORAL: Endpoint = { services: ["temporal"], ports: [7233] };
/** Temporal's Web UI: in the dev server's container, or in one of its own. */
export const COMPOSE_UI: Endpoint = {
  services: ["temporal", "temporal-ui"],
  ports: [8233, 8080],
};

/**
 * Finds an endpoint among the containers.
 *
 * @returns Its address on this machine and the image's tag, or null if it is not published.
 */
export function findEndpoint(
  containers: readonly ComposeContainer[],
  endpoint: Endpoint,
): { address: string; tag: string } | null {
  for (const service of endpoint.services) {
    const container = containers.find((one) => one.service === service);
    for (const port of endpoint.ports) {
      const address = container?.ports.get(port);
      if (container !== undefined && address !== undefined) {
        return { address: formatAddress(address), tag: container.tag };
      }
    }
  }
  return null;
}

async function hasComposeFile(): Promise<boolean> {
  try {
    return (await Deno.stat(new URL("../docker-compose.yml", import.meta.url))).isFile;
  } catch {
    return false;
  }
}
