/**
 * The rules under test as source text: where their guards and constants are, a copy of them that is
 * changed before it is loaded.
 *
 * @module
 */

import { cp, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseSync } from "@swc/core";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The files with the rules that the model plays. */
export const RULES: readonly string[] = [
  "core/event_time/timers.ts",
  "core/event_time/watermark.ts",
  "core/flow/dealing.ts",
  "core/flow/drain.ts",
  "core/flow/drain/moves.ts",
  "core/flow/drain/results.ts",
  "core/flow/drain/state.ts",
  "core/flow/drain/time.ts",
  "core/flow/drain/work.ts",
  "core/flow/heap.ts",
  "core/flow/held.ts",
  "core/flow/open_window.ts",
  "core/flow/open_windows.ts",
  "core/flow/silence.ts",
  "core/flow/window.ts",
  "core/flow/window_table.ts",
];

/** All files with rules of the flow: an audit is made of other people's words, so that tests show it. */
export const ALL_RULES: readonly string[] = [
  ...RULES,
  "core/flow/audit.ts",
  "core/flow/delivery.ts",
];

/** The unit tests of those files. */
export const UNIT_TESTS: readonly string[] = [
  "tests/core/event_time/timers_test.ts",
  "tests/core/event_time/watermark_test.ts",
  "tests/core/flow/audit_test.ts",
  "tests/core/flow/dealing_test.ts",
  "tests/core/flow/drain/moves_test.ts",
  "tests/core/flow/drain/results_test.ts",
  "tests/core/flow/drain/time_test.ts",
  "tests/core/flow/drain/work_test.ts",
  "tests/core/flow/drain_test.ts",
  "tests/core/flow/heap_test.ts",
  "tests/core/flow/held_test.ts",
  "tests/core/flow/open_windows_test.ts",
  "tests/core/flow/silence_test.ts",
  "tests/core/flow/window_test.ts",
];

/** Reads one of the project's files. */
export function read(path: string): Promise<string> {
  return Deno.readTextFile(join(ROOT, path));
}

/** A copy of the rules, the model and the unit tests, some of it changed; its directory. */
export async function copyOf(changed: ReadonlyMap<string, string>): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "flow-rules-"));
  for (const folder of ["core", "tests/flow_model", "tests/core"]) {
    await cp(join(ROOT, folder), join(dir, folder), { recursive: true });
  }
  for (const [path, text] of changed) await writeFile(join(dir, path), text);
  return dir;
}

/** The address of a file in a copy, for `import`. */
export function addressIn(dir: string, path: string): string {
  return pathToFileURL(join(dir, path)).href;
}

/** A part of a source. */
export interface Span {
  /** Its first character. */
  readonly from: number;
  /** The first character after it. */
  readonly to: number;
}

/** A node of the syntax tree. */
export interface Node extends Record<string, unknown> {
  /** What it is. */
  readonly type: string;
}

/** A parsed source. */
export class Source {
  readonly #bytes: Uint8Array;
  /** Its statements. */
  readonly body: unknown;

  /** Parses a source. */
  constructor(source: string) {
    this.#bytes = new TextEncoder().encode(source);
    this.body = parseSync(source, { syntax: "typescript", target: "es2022" }).body;
  }

  /** Where a node is; in bytes, as the parser counts. */
  spanOf(node: unknown): Span | undefined {
    if (!isNode(node)) return undefined;
    const { span } = node;
    if (typeof span !== "object" || span === null || !("start" in span && "end" in span)) return;
    const { start, end } = span;
    if (typeof start !== "number" || typeof end !== "number") return undefined;
    // The parser counts from 1.
    return { from: start - 1, to: end - 1 };
  }

  /** The text of a part. */
  text({ from, to }: Span): string {
    return new TextDecoder().decode(this.#bytes.subarray(from, to));
  }

  /** The line of a place, from 1. */
  line(at: number): number {
    return this.text({ from: 0, to: at }).split("\n").length;
  }

  /** The whole with parts replaced; a part may lie within another, whose text is made first. */
  replace(pieces: readonly (Span & { readonly of: (text: string) => string })[]): string {
    const outerFirst = pieces.toSorted((a, b) => a.from - b.from || b.to - a.to);
    let next = 0;
    const upTo = (from: number, to: number): string => {
      let text = "";
      let at = from;
      for (
        let piece = outerFirst[next];
        piece !== undefined && piece.from < to;
        piece = outerFirst[next]
      ) {
        next += 1;
        text += this.text({ from: at, to: piece.from });
        text += piece.of(upTo(piece.from, piece.to));
        at = piece.to;
      }
      return text + this.text({ from: at, to });
    };
    return upTo(0, this.#bytes.length);
  }
}

/** Whether a value is a node of the syntax tree. */
export function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value &&
    typeof value.type === "string";
}

/** Goes through all nodes below a value, from the outside in; not into one that says false. */
export function visit(
  value: unknown,
  see: (node: Node, inFunction: boolean) => boolean,
  inFunction = false,
): void {
  if (Array.isArray(value)) {
    for (const item of value) visit(item, see, inFunction);
    return;
  }
  if (typeof value !== "object" || value === null) return;
  const within = inFunction || (isNode(value) && FUNCTIONS.has(value.type));
  if (isNode(value) && !see(value, inFunction)) return;
  for (const child of Object.values(value)) visit(child, see, within);
}

const FUNCTIONS: ReadonlySet<string> = new Set([
  "ArrowFunctionExpression",
  "ClassMethod",
  "Constructor",
  "FunctionDeclaration",
  "PrivateMethod",
]);

/** Whether a node joins conditions. */
export function isLogical(node: unknown): node is Node {
  return isNode(node) && node.type === "BinaryExpression" &&
    (node.operator === "&&" || node.operator === "||");
}
