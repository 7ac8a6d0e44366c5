/**
 * Reads what `deno doc --lint` prints and keeps what is ours to mend. Deno has no such filter, and
 * every adapter that returns a type of a client library would fail: the library's types aren't
 * exported by us, nor are they documented by us.
 *
 * @module
 */

/** One block of `deno doc --lint`. */
export interface DocProblem {
  /** Deno's code, such as `missing-jsdoc`. */
  readonly code: string;
  /** The file at fault, as printed. */
  readonly file: string;
  /** The line at fault, counted from 1. */
  readonly line: number;
  /** The referenced type's declaration, for `private-type-ref`, else null. */
  readonly declaration: SourceLine | null;
  /** The block as printed. */
  readonly text: string;
}

/** A line of a file of unknown name: Deno prints the line of a private type, not its file. */
export interface SourceLine {
  /** Counted from 1. */
  readonly line: number;
  /** The text of the line, without blanks at its end. */
  readonly text: string;
}

/**
 * Problems that don't count: a constant's type may be inferred, because the types of message
 * definitions and of `as const` tables say more inferred than written out.
 * A constructor is said by its class.
 */
const PASSED_OVER: ReadonlySet<string> = new Set(["missing-explicit-type"]);

/**
 * Splits the output of `deno doc --lint` into problems.
 *
 * @param output What it printed to standard error, without colours.
 * @returns The problems in the order printed; empty if the output holds none.
 */
export function parseDocProblems(output: string): DocProblem[] {
  return output.split(/^(?=error\[)/m).flatMap((text): DocProblem[] => {
    const code = /^error\[([\w-]+)\]/.exec(text)?.[1];
    const place = /^\s*--> (.+):(\d+):\d+\s*$/m.exec(text);
    if (code === undefined || place?.[1] === undefined) return [];
    const shown = /^\s*= hint:[^]*?^\s*(\d+) \| (.*)$/m.exec(text);
    const declaration = code === "private-type-ref" && shown?.[2] !== undefined
      ? { line: Number(shown[1]), text: shown[2].trimEnd() }
      : null;
    return [{ code, file: place[1], line: Number(place[2]), declaration, text: text.trimEnd() }];
  });
}

/**
 * Whether a problem is ours: in a file of ours, and, for a private type, one that we declare. A
 * private type whose declaration can't be told counts as ours.
 *
 * @param problem The problem.
 * @param declares Whether any file of ours has exactly this line at this place.
 * @returns Whether it fails the gate.
 */
export function isOurs(problem: DocProblem, declares: (line: SourceLine) => boolean): boolean {
  if (PASSED_OVER.has(problem.code)) return false;
  if (problem.code === "missing-jsdoc" && /^\d+ \| +constructor\(/m.test(problem.text)) {
    return false;
  }
  if (/(?:^|[\\/])node_modules[\\/]/.test(problem.file)) return false;
  return problem.declaration === null || declares(problem.declaration);
}
