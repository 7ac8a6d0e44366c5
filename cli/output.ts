/**
 * What commands print: lines, tables, JSON and logs. Text from outside is escaped here, on
 * terminals and in JSON alike.
 *
 * @module
 */

import { escapeLines, escapeText } from "../core/text.ts";

/** Prints text on standard output. Escapes are JSON's own, so that a JSON text keeps its value. */
export function print(text: string): void {
  console.log(escapeLines(text));
}

/** Tells people what goes on: on standard error, so that results can be piped. */
export function say(text: string): void {
  console.error(escapeLines(text));
}

/** How {@linkcode columns} lays a table out. */
export interface ColumnOptions {
  /**
   * From which column on the cells stand on the right, as figures do.
   * @default {Infinity}
   */
  readonly rightFrom?: number;
  /**
   * What stands before each line.
   * @default {""}
   */
  readonly indent?: string;
}

/**
 * A table of aligned columns, readable without colour and in a pipe. Cells are escaped.
 *
 * @param rows The cells, the head first where there is one; rows may end early.
 * @returns Lines.
 */
export function columns(
  rows: readonly (readonly string[])[],
  { rightFrom = Infinity, indent = "" }: ColumnOptions = {},
): string[] {
  const cells = rows.map((row) => row.map(escapeText));
  const widths: number[] = [];
  for (const row of cells) {
    row.forEach((cell, i) => widths[i] = Math.max(widths[i] ?? 0, widthOf(cell)));
  }
  return cells.map((row) => {
    const line = row.map((cell, i) => {
      const blanks = " ".repeat((widths[i] ?? 0) - widthOf(cell));
      return i >= rightFrom ? blanks + cell : cell + blanks;
    });
    return (indent + line.join("  ")).trimEnd();
  });
}

/** Marks take no column of a terminal; the scripts of East Asia and pictures take two. */
function widthOf(text: string): number {
  let width = 0;
  for (const character of text) {
    if (/\p{M}/u.test(character)) continue;
    width += /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\uff01-\uff60]/u
        .test(character) || /\p{Emoji_Presentation}/u.test(character)
      ? 2
      : 1;
  }
  return width;
}

/**
 * A table in Markdown, ending in a line break. A bar in a cell is the caller's to escape: in code it
 * is written otherwise than in text.
 */
export function markdownTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell || "–").join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)]
    .map((text) => `${text}\n`).join("");
}

/** Tells what happened. */
export type Log = (kind: string, message: string) => void;

/**
 * Makes a log of a long-running command: lines for people on a terminal, NDJSON in a pipe.
 *
 * @param isTerminal Whether people read it.
 * @param write Writes a line.
 */
export function createLog(
  isTerminal: boolean = Deno.stdout.isTerminal(),
  write: (line: string) => void = console.log,
): Log {
  return (kind, message) => write(logLine(new Date(), { kind, message, isTerminal }));
}

/**
 * A line of a log: a time of day and the message, or `{"time", "kind", "message"}`, which is one
 * line whatever the message holds.
 *
 * @param now The time.
 * @param entry What happened, and for whom it is written.
 */
export function logLine(
  now: Date,
  { kind, message, isTerminal }: {
    readonly kind: string;
    readonly message: string;
    readonly isTerminal: boolean;
  },
): string {
  const time = now.toISOString();
  return isTerminal
    ? `${time.slice(11, 19)}  ${escapeLines(message)}`
    : escapeText(JSON.stringify({ time, kind, message }));
}

/**
 * Makes NDJSON of what is said on standard error too, by us and by libraries, unless people read it:
 * whoever collects the logs gets one format.
 *
 * @returns Takes it back.
 */
export function structureErrors(): () => void {
  if (Deno.stderr.isTerminal()) return () => undefined;
  const plain = console.error;
  const log = createLog(false, (line) => plain(line));
  console.error = (...parts: readonly unknown[]) => {
    log("note", parts.map((part) => part instanceof Error ? part.stack : String(part)).join(" "));
  };
  return () => {
    console.error = plain;
  };
}
