/**
 * Fails on exported symbols without documentation and on public signatures that name types of our
 * own which nobody can import. Run by `deno task check`, or alone:
 * `deno task check docs`.
 *
 * @module
 */

import { runDeno } from "./deno.ts";
import { publicModules, readSource, sources } from "./sources.ts";
import { isOurs, parseDocProblems, type SourceLine } from "./doc_problems.ts";

/** What the doc lint found. */
export interface DocLintResult {
  /** Whether nothing of ours is wrong. */
  readonly ok: boolean;
  /** The problems as Deno prints them; empty if there are none. */
  readonly output: string;
}

/**
 * Runs `deno doc --lint` and keeps the problems that are ours.
 *
 * @param modules The modules to look at, relative to the root; every public one if left out.
 * @param ours The files whose types are ours; every file of the rooms if left out.
 * @returns What is wrong.
 */
export async function docLint(
  modules: readonly string[] = publicModules(),
  ours: readonly string[] = sources(),
): Promise<DocLintResult> {
  const ran = await runDeno(["doc", "--lint", ...modules]);
  const problems = parseDocProblems(ran.stderr);
  if (problems.length === 0) {
    return { ok: ran.code === 0, output: ran.code === 0 ? "" : withoutWarnings(ran.stderr) };
  }

  const declares = lineLookup(ours);
  const kept = problems.filter((problem) => isOurs(problem, declares));
  return { ok: kept.length === 0, output: kept.map((problem) => problem.text).join("\n\n") };
}

/** Drops what Deno warns of, such as the types of a package's optional dependencies. */
function withoutWarnings(output: string): string {
  return output.replaceAll(/^Warning .*\n(?: {4}at .*\n)?/gm, "").trim();
}

/** Answers whether one of the files has a given line at a given place; reads them on first use. */
function lineLookup(files: readonly string[]): (line: SourceLine) => boolean {
  let lines: Set<string> | null = null;
  return ({ line, text }) => {
    lines ??= new Set(
      files.flatMap((path) =>
        readSource(path).split("\n").map((content, i) => `${i + 1} ${content.trimEnd()}`)
      ),
    );
    return lines.has(`${line} ${text}`);
  };
}
