/**
 * Text from outside, such as a key of an event or a name in an error, made fit to be shown: nothing
 * in it moves a terminal's cursor, turns the direction of reading, or can't be seen.
 *
 * @module
 */

/** Controls (C0, DEL, C1), formats (bidirectional, zero-width, tags), separators, lone surrogates. */
const UNSHOWN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** Escapes that are known better by another name. */
const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/**
 * Writes every character that can't be seen as an escape: `\n`, `\u009b`, `\u202e`. In a JSON text,
 * where such characters stand within strings only, the value stays the same.
 *
 * @example A key that would reverse the line
 * ```ts
 * import { escapeText } from "./text.ts";
 * if (escapeText("CS-\u202e101") !== "CS-\\u202e101") throw new Error("not escaped");
 * ```
 */
export function escapeText(text: string): string {
  return text.replace(UNSHOWN, (found) => SHORT[found] ?? unitsOf(found));
}

/** As {@linkcode escapeText}, but a line break stays one. */
export function escapeLines(text: string): string {
  return text.split("\n").map(escapeText).join("\n");
}

/** Long text by its beginning, with a mark that something is missing. */
export function cutText(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most)}…` : text;
}

/** One escape a UTF-16 unit, as JSON has them. */
function unitsOf(character: string): string {
  return Array.from(
    { length: character.length },
    (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`,
  ).join("");
}
