/**
 * The documents as the tests see them.
 *
 * @module
 */

/** The root of the project. */
const ROOT = new URL("../../", import.meta.url);

/** Whether files of the project may not be read: then tests of the documents are left out. */
export const UNREADABLE: boolean =
  Deno.permissions.querySync({ name: "read", path: ROOT }).state !== "granted";

/** The documents, relative to the root. */
export const DOCUMENTS = [
  "README.md",
  "CHANGELOG.md",
  "CONTRIBUTING.md",
  "docs/architecture.md",
  "docs/bench/README.md",
  "docs/commands.md",
  "docs/elasticity.md",
  "docs/operations.md",
  "docs/scaling.md",
  "docs/semantics.md",
  "docs/tour.md",
] as const;

/**
 * Reads a file of the project.
 *
 * @param path Relative to the root.
 * @returns Its text.
 */
export function read(path: string): string {
  return Deno.readTextFileSync(new URL(path, ROOT));
}

/**
 * What stands at a path.
 *
 * @param path Relative to the root.
 * @returns `file`, `folder`, or null if there is nothing.
 */
export function kindOf(path: string): "file" | "folder" | null {
  try {
    return Deno.statSync(new URL(path, ROOT)).isDirectory ? "folder" : "file";
  } catch {
    return null;
  }
}

/**
 * The names in a folder, sorted.
 *
 * @param path Relative to the root.
 * @returns Its entries' names.
 */
export function list(path: string): string[] {
  return [...Deno.readDirSync(new URL(path, ROOT))].map((entry) => entry.name).sort();
}

/**
 * The files below a folder, at any depth.
 *
 * @param path The folder.
 * @returns Their paths.
 */
export function filesBelow(path: string): string[] {
  return list(path).map((name) => `${path}/${name}`)
    .flatMap((one) => kindOf(one) === "file" ? [one] : filesBelow(one));
}

/**
 * A part of a document.
 *
 * @param text The document.
 * @param heading The heading's text.
 * @returns What stands below the heading, up to the next one of its level or above.
 */
export function section(text: string, heading: string): string {
  const lines = text.split("\n");
  const from = lines.findIndex((line) => /^#+ /.test(line) && line.replace(/^#+ /, "") === heading);
  if (from < 0) throw new Error(`there is no heading "${heading}"`);
  const level = lines[from]?.indexOf(" ") ?? 0;
  const rest = lines.slice(from + 1);
  const to = rest.findIndex((line) => /^#+ /.test(line) && line.indexOf(" ") <= level);
  return rest.slice(0, to < 0 ? undefined : to).join("\n");
}

/**
 * The rows of all tables of a text, without their heads.
 *
 * @param text Markdown.
 * @returns The cells, row by row.
 */
export function tableRows(text: string): string[][] {
  const rows: string[][] = [];
  const lines = text.split("\n");
  for (const [i, line] of lines.entries()) {
    const isHead = /^\|[\s:|-]+\|$/.test(lines[i + 1] ?? "");
    if (!line.startsWith("|") || isHead || /^\|[\s:|-]+\|$/.test(line)) continue;
    // A bar inside of code is written with a backslash.
    rows.push(line.slice(1, -1).split(/(?<!\\)\|/).map((cell) => cell.trim()));
  }
  return rows;
}

/**
 * The names of the tests of a file, as its source tells them.
 *
 * @param path The file, relative to the root.
 * @returns The names.
 */
export function testNames(path: string): string[] {
  const source = read(path);
  const names = source.matchAll(
    /(?:Deno\.test\(|[tT]est\(|\bname:)\s*("(?:[^"\\]|\\.)*")/g,
  );
  return [...names].map(([, literal]) => String(JSON.parse(literal ?? '""')));
}
