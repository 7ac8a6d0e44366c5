/**
 * `deno task docs`: writes the generated tables into the manual. Each table stands between two
 * comments and is made from the code, so that `tests/docs/` can tell whether it is up to date.
 *
 * @module
 */

import { CODE_RULES, type Outcome } from "../adapters/kafka/errors.ts";
import { settingsTable } from "../cli/config.ts";
import { markdownTable } from "../cli/output.ts";
import denoJson from "../deno.json" with { type: "json" };
import type { KeptRow } from "../lab/bench/keep.ts";
import { budgetsTable } from "../lab/bench/table.ts";
import { ROOT } from "./deno.ts";
import { type Room, ROOMS, ROOT_ROOM } from "./lint/rooms.ts";

/** A generated part of a document. */
export interface GeneratedBlock {
  /** Its name in the document's comments. */
  readonly name: string;
  /** The document, relative to the root. */
  readonly file: string;
  /** Makes its text: Markdown that ends in a line break. */
  readonly render: () => string;
}

/** All generated parts. */
export const BLOCKS: readonly GeneratedBlock[] = [
  { name: "settings", file: "docs/operations.md", render: settingsTable },
  { name: "permissions", file: "docs/operations.md", render: permissionsTable },
  { name: "kafka codes", file: "docs/operations.md", render: kafkaCodesTable },
  { name: "rooms", file: "docs/architecture.md", render: roomsTable },
  { name: "budgets", file: "docs/scaling.md", render: keptBudgets },
];

/**
 * Replaces a generated part of a document.
 *
 * @param text The document.
 * @param block The part.
 * @returns The document with the part as it should be.
 * @throws {TypeError} If the document has no place for it.
 */
export function withBlock(text: string, { name, file, render }: GeneratedBlock): string {
  const begin = `<!-- generated: ${name} (deno task docs) -->\n`;
  const end = "<!-- end of the generated part -->";
  const from = text.indexOf(begin);
  const to = text.indexOf(end, from);
  if (from < 0 || to < 0) {
    throw new TypeError(`Cannot write ${name}: ${file} must hold "${begin.trim()}" and "${end}"`);
  }
  // The formatter would pad every cell to the longest of its column.
  const body = `<!-- deno-fmt-ignore-start -->\n\n${render()}\n<!-- deno-fmt-ignore-end -->\n`;
  return text.slice(0, from + begin.length) + body + text.slice(to);
}

/** What each task may do, as its command line says. */
function permissionsTable(): string {
  const rows = Object.entries(denoJson.tasks).map(([name, { description, command }]) => [
    code(name),
    description.replaceAll("|", "\\|"),
    permissionsOf(command).map(code).join(", "),
  ]);
  return markdownTable(["Task", "What it does", "Permissions"], rows);
}

/** The permissions of a command line; a value that is itself a command is not repeated. */
function permissionsOf(command: string): string[] {
  return [...command.matchAll(/--allow-([a-z]+)(?:=("[^"]*"|\S+))?/g)].map(([, name, value]) => {
    if (value === undefined) return String(name);
    return value.includes("$(") ? `${name}=deno` : `${name}=${value}`;
  });
}

/** What is done about an error code of Kafka's, for people. */
const DONE: Readonly<Record<Outcome, string>> = {
  none: "goes on",
  repeat: "retried for 3 s, then told as `TG_BROKER_UNREACHABLE` and tried again",
  gone: "stops: `TG_OFFSET_GONE`",
  deny: "stops: `TG_CONFIG`, with the credentials and permissions to check",
  stop: "stops: `TG_CONFIG`, with the request to correct",
};

/** What is done about the error codes of Kafka's protocol. */
function kafkaCodesTable(): string {
  const rows = CODE_RULES.map(({ outcome, why, codes }) => [
    DONE[outcome],
    why,
    Object.entries(codes).map(([name, number]) => `${number} ${name}`).join(", "),
  ]);
  return markdownTable(["What is done", "Why", "Codes"], [
    ...rows,
    [DONE.repeat, "A broker newer than this table.", "all others"],
  ]);
}

/** What was kept of the benchmark. */
function keptBudgets(): string {
  const folder = new URL("../docs/bench/", import.meta.url);
  const files = [...Deno.readDirSync(folder)].filter(({ name }) => name.endsWith(".json"));
  // Written by `bench --keep` of this version, so they are of this shape.
  return budgetsTable(
    files.map(({ name }) => JSON.parse(Deno.readTextFileSync(new URL(name, folder))) as KeptRow),
  );
}

/** The import table of the linter. */
function roomsTable(): string {
  const rows = Object.entries(ROOMS).map(([name, room]) => [
    code(label(name)),
    roomsOf(room),
    (room.types ?? []).map((one) => code(label(one))).join(", "),
    room.npm === "*" ? "all" : (room.npm ?? []).map(code).join(", "),
    room.node === true ? "yes" : "",
  ]);
  return markdownTable(["Room", "May import", "Types only of", "Packages", "`node:`"], rows);
}

function roomsOf({ rooms }: Room): string {
  if (rooms === "**") return "everything";
  if (rooms === "*") return "every room but `deploy/`, `scripts/` and `tests/`";
  return (rooms ?? []).map(label).map(code).join(", ");
}

function label(room: string): string {
  return room === ROOT_ROOM ? "*.ts" : `${room}/`;
}

function code(text: string): string {
  return `\`${text}\``;
}

if (import.meta.main) {
  for (const block of BLOCKS) {
    const file = new URL(block.file, ROOT);
    const before = Deno.readTextFileSync(file);
    const after = withBlock(before, block);
    if (after !== before) Deno.writeTextFileSync(file, after);
    console.log(`${after === before ? "kept   " : "written"} ${block.name} in ${block.file}`);
  }
}
