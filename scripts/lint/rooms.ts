/**
 * The rooms of the project and who may import whom, as one table. The lint rule in
 * `import_rules.ts` executes it; `CONTRIBUTING.md` explains it.
 *
 * @module
 */

/** What the files of one room may import besides each other. */
export interface Room {
  /**
   * Other rooms; `"*"` is every room but `tests`, `scripts` and `deploy`, `"**"` is everything.
   * @default {[]}
   */
  readonly rooms?: readonly string[] | "*" | "**";
  /**
   * Rooms of which only types may be taken (`import type`), so that nothing is loaded.
   * @default {[]}
   */
  readonly types?: readonly string[];
  /**
   * Names of `deno.json`'s `imports`; `"*"` is all of them.
   * @default {[]}
   */
  readonly npm?: readonly string[] | "*";
  /**
   * Whether the runtime's own modules (`node:…`) may be imported.
   * @default {false}
   */
  readonly node?: boolean;
  /**
   * Whether `import(expression)` may name a module that is only known at run time.
   * @default {false}
   */
  readonly computed?: boolean;
}

/** The adapters: clients of others' servers, which never touch each other. */
const ADAPTERS = ["adapters", "adapters/kafka", "adapters/launchers", "adapters/temporal"] as const;

/** Temporal's packages, and what they need beside them. */
const TEMPORAL = [
  "@swc/core",
  "@temporalio/activity",
  "@temporalio/client",
  "@temporalio/common",
  "@temporalio/proto",
  "@temporalio/worker",
  "protobufjs",
] as const;

/** The name under which {@linkcode ROOMS} holds the files beside `deno.json`. */
export const ROOT_ROOM = "(root)";

/**
 * The import table, from the inside out. A file belongs to the longest folder that is named here; a
 * folder that is in no room may hold no TypeScript.
 */
export const ROOMS: Readonly<Record<string, Room>> = {
  core: {},
  definition: {
    rooms: ["core"],
    // The transpiler tells what of a file is code (`code_strip.ts`).
    npm: ["zod", "@faker-js/faker", "@swc/core"],
    node: true,
    computed: true,
  },
  [ROOT_ROOM]: { rooms: ["core", "definition"] },
  pipelines: { rooms: ["core", "definition", ROOT_ROOM], npm: ["zod", "@faker-js/faker"] },
  workflows: { rooms: ["core"], npm: ["@temporalio/workflow"] },
  adapters: { rooms: ["core"], npm: ["@opentelemetry/api"], node: true },
  "adapters/kafka": {
    rooms: ["core", "adapters"],
    npm: ["@platformatic/kafka", "kafkajs"],
    node: true,
    computed: true,
  },
  "adapters/launchers": { rooms: ["core", "adapters"], node: true },
  "adapters/temporal": {
    // The messages of workflows are values: a client sends what the workflow has defined.
    rooms: ["core", "adapters", "workflows"],
    npm: TEMPORAL,
    node: true,
    computed: true,
  },
  activities: {
    rooms: ["core"],
    types: [...ADAPTERS, "definition", "workflows"],
    npm: ["@temporalio/activity"],
    node: true,
  },
  producer: { rooms: ["core", "definition", ...ADAPTERS], node: true },
  processes: {
    rooms: ["core", "definition", "workflows", ...ADAPTERS, "activities"],
    node: true,
    computed: true,
  },
  dashboard: {
    rooms: ["core", ...ADAPTERS, "processes"],
    types: ["workflows", "activities"],
    npm: ["uplot"],
    node: true,
  },
  devstack: { rooms: ["core", ...ADAPTERS], node: true },
  cli: { rooms: "*", npm: ["zod"], node: true, computed: true },
  lab: { rooms: "*", node: true, computed: true },
  "lab/simulator": { rooms: ["core"] },
  commands: { rooms: "*", node: true, computed: true },
  deploy: { rooms: "**", npm: "*", node: true, computed: true },
  scripts: { rooms: "**", npm: "*", node: true, computed: true },
  tests: { rooms: "**", npm: "*", node: true, computed: true },
};

/** The rooms that nothing of the product imports. */
const OUTSIDE: ReadonlySet<string> = new Set(["deploy", "scripts", "tests"]);

/** One mention of a module in a file. */
export interface Mention {
  /** The module as written, or null if it is only known at run time. */
  readonly specifier: string | null;
  /** Whether only types are taken. */
  readonly typeOnly: boolean;
}

/**
 * The room of a file.
 *
 * @param path The file's path, relative to the root, with forward slashes.
 * @returns The room's name, or null if the folder is in no room.
 */
export function roomOf(path: string): string | null {
  if (!path.includes("/")) return ROOT_ROOM;
  for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) {
    const folder = path.slice(0, end);
    if (Object.hasOwn(ROOMS, folder)) return folder;
  }
  return null;
}

/**
 * The message for a file whose folder is in no room.
 *
 * @param path The file, relative to the root.
 * @returns The message.
 */
export function homeless(path: string): string {
  return `Cannot place ${path}: its folder must be a room of scripts/lint/rooms.ts`;
}

/**
 * Checks one import against the table.
 *
 * @param path The importing file, relative to the root, with forward slashes.
 * @param mention What it imports.
 * @returns What is wrong with it, or null.
 */
export function importProblem(path: string, mention: Mention): string | null {
  const name = roomOf(path);
  const room = name === null ? undefined : ROOMS[name];
  if (name === null || room === undefined) return homeless(path);
  const { specifier } = mention;
  if (specifier === null) {
    if (room.computed) return null;
    return `Cannot import a computed name in ${label(name)}: the module must be a string literal`;
  }
  const reason = specifier.startsWith("./") || specifier.startsWith("../")
    ? fileProblem(path, name, room, mention.typeOnly, specifier)
    : packageProblem(room, specifier);
  return reason && `Cannot import "${specifier}" in ${label(name)}: ${reason}`;
}

function fileProblem(
  path: string,
  name: string,
  room: Room,
  typeOnly: boolean,
  specifier: string,
): string | null {
  const target = resolve(path, specifier);
  if (target === null) return "the path must stay inside the project";
  const sandboxed = name === "core" || name === "workflows";
  if (!target.endsWith(".ts") && (sandboxed || !target.endsWith(".json"))) {
    return "a relative import must end with .ts";
  }
  const other = roomOf(target);
  if (other === null) return `${target} must lie in a room of scripts/lint/rooms.ts`;
  if (other === name || room.rooms === "**") return null;
  if (room.rooms === "*") {
    return OUTSIDE.has(other) ? `${label(other)} must stay out of it` : null;
  }
  if (room.rooms?.includes(other)) return null;
  if (room.types?.includes(other)) {
    return typeOnly ? null : `only types may come from ${label(other)} (import type)`;
  }
  return `it may import ${allowed(name, room)} only`;
}

function packageProblem(room: Room, specifier: string): string | null {
  if (specifier.startsWith("node:")) {
    return room.node ? null : "the runtime's modules must stay out of it";
  }
  if (/^(?:[a-z][a-z0-9+.-]*:|\/)/i.test(specifier)) {
    return "a package must be named in deno.json with an exact version";
  }
  if (room.npm === "*") return null;
  const base = packageName(specifier);
  if (room.npm?.includes(base)) return null;
  if (base.startsWith("@tidegate/")) return "our own files must be imported by relative path";
  return room.npm === undefined
    ? "packages must stay out of it"
    : `of packages it may import ${room.npm.join(", ")} only`;
}

/** The package of `@scope/name/sub/path` or `name/sub`. */
function packageName(specifier: string): string {
  return specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1).join("/");
}

/** Resolves a relative specifier by text; null if it leaves the root. */
function resolve(path: string, specifier: string): string | null {
  const parts = path.split("/").slice(0, -1);
  for (const part of specifier.split("/")) {
    if (part === "..") {
      if (parts.pop() === undefined) return null;
    } else if (part !== "." && part !== "") {
      parts.push(part);
    }
  }
  return parts.join("/");
}

function allowed(name: string, room: Room): string {
  const rooms = Array.isArray(room.rooms) ? room.rooms : [];
  return [name, ...rooms].map(label).join(", ");
}

function label(room: string): string {
  return room === ROOT_ROOM ? "a file at the root" : `${room}/`;
}
