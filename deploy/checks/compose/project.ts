/**
 * A Compose project as `docker compose config --format json` prints it, as far as the rules look.
 *
 * @module
 */

/** A published port. */
export interface PublishedPort {
  /** The address of this machine; empty for all of them. */
  readonly hostIp: string;
  /** The port of this machine. */
  readonly published: string;
  /** The port in the container. */
  readonly target: number;
}

/** A mounted volume. */
export interface Mount {
  /** `volume`, `bind`, … */
  readonly type: string;
  /** The volume's name or the folder; empty for an anonymous volume. */
  readonly source: string;
  /** The path in the container. */
  readonly target: string;
}

/** One service. */
export interface Service {
  /** Its name. */
  readonly name: string;
  /** Its image. */
  readonly image: string;
  /** Whether it builds its image. */
  readonly built: boolean;
  /** When its image is pulled or built; empty if it is left to the default. */
  readonly pullPolicy: string;
  /** Its profiles. */
  readonly profiles: readonly string[];
  /** The configs that it is given, by name. */
  readonly configs: readonly string[];
  /** How large a file of its log may grow, and how many there may be; empty where there is no limit. */
  readonly log: { readonly maxSize: string; readonly maxFile: string };
  /** `user[:group]`; empty if it is left to the image. */
  readonly user: string;
  /** Whether the root of its file system is read-only. */
  readonly readOnly: boolean;
  /** Its arguments; none if they are left to the image. */
  readonly command: readonly string[];
  /** Its entry point; none if it is left to the image. */
  readonly entrypoint: readonly string[];
  /** Its environment. */
  readonly environment: ReadonlyMap<string, string>;
  /** Published ports. */
  readonly ports: readonly PublishedPort[];
  /** Mounted volumes. */
  readonly mounts: readonly Mount[];
  /** Its health check; empty if there is none. */
  readonly healthcheck: readonly string[];
  /** What it waits for: service to condition. */
  readonly dependsOn: ReadonlyMap<string, string>;
  /** Its restart policy. */
  readonly restart: string;
  /** Its limits; null where there is none. */
  readonly limits: { readonly cpus: number | null; readonly memoryBytes: number | null };
  /** How long it may take to stop; empty if it is left to the default. */
  readonly stopGrace: string;
  /** The capabilities that are taken from it. */
  readonly capDrop: readonly string[];
  /** Security options. */
  readonly securityOpt: readonly string[];
}

/** A config: a file that services are given. */
export interface Config {
  /** Its text; empty if it is a file. */
  readonly content: string;
  /** The file of this machine; empty if it is a text. */
  readonly file: string;
}

/** A project. */
export interface Project {
  /** Its name. */
  readonly name: string;
  /** Its services, those of the chosen profiles. */
  readonly services: readonly Service[];
  /** Its configs by name: a text, or a file of this machine. */
  readonly configs: ReadonlyMap<string, Config>;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads the answer of `docker compose config --format json`.
 *
 * @param text The answer.
 * @returns The project.
 * @throws {SyntaxError} If it is no JSON object.
 */
export function parseProject(text: string): Project {
  const root: unknown = JSON.parse(text);
  const project = fields(root);
  if (project === null) throw new SyntaxError("the project must be a JSON object");
  return {
    name: words(project.name),
    services: members(project.services).map(([name, value]) => service(name, fields(value) ?? {})),
    configs: new Map(
      members(project.configs).map(([name, value]) => [name, {
        content: words(fields(value)?.content),
        file: words(fields(value)?.file),
      }]),
    ),
  };
}

function service(name: string, one: Fields): Service {
  const limits = fields(fields(fields(one.deploy)?.resources)?.limits);
  const log = fields(fields(one.logging)?.options);
  return {
    name,
    image: words(one.image),
    built: one.build !== undefined,
    pullPolicy: words(one.pull_policy),
    profiles: texts(one.profiles),
    configs: items(one.configs).map(({ source }) => words(source)),
    log: { maxSize: words(log?.["max-size"]), maxFile: words(log?.["max-file"]) },
    user: words(one.user),
    readOnly: one.read_only === true,
    // It is printed so that it can be read back: with each dollar twice.
    command: texts(one.command).map((word) => word.replaceAll("$$", "$")),
    entrypoint: texts(one.entrypoint).map((word) => word.replaceAll("$$", "$")),
    environment: new Map(
      members(one.environment).map(([key, value]) => [key, String(value ?? "")]),
    ),
    ports: items(one.ports).map((port) => ({
      hostIp: words(port.host_ip),
      published: words(port.published),
      target: Number(port.target),
    })),
    mounts: items(one.volumes).map((mount) => ({
      type: words(mount.type),
      source: words(mount.source),
      target: words(mount.target),
    })),
    healthcheck: texts(fields(one.healthcheck)?.test),
    dependsOn: new Map(
      members(one.depends_on).map(([other, value]) => [other, words(fields(value)?.condition)]),
    ),
    restart: words(one.restart),
    limits: { cpus: number(limits?.cpus), memoryBytes: number(limits?.memory) },
    stopGrace: words(one.stop_grace_period),
    capDrop: texts(one.cap_drop),
    securityOpt: texts(one.security_opt),
  };
}

function fields(value: unknown): Fields | null {
  return isFields(value) ? value : null;
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function members(value: unknown): [string, unknown][] {
  return Object.entries(fields(value) ?? {});
}

function items(value: unknown): Fields[] {
  return Array.isArray(value) ? value.filter(isFields) : [];
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function words(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function number(value: unknown): number | null {
  const read = typeof value === "string" || typeof value === "number" ? Number(value) : NaN;
  return Number.isFinite(read) && read > 0 ? read : null;
}
