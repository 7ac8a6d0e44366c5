/**
 * What `deno task test` is asked to run.
 *
 * @module
 */

import { parseCommand, text, word } from "../cli/args.ts";
import { TidegateError } from "../core/errors.ts";

/** The command line of `deno task test`. */
export const TEST_COMMAND = {
  name: "test",
  summary: "Runs all tests: brings up a broker and a Temporal server on free ports in a folder " +
    "of their own, runs the tests against them, and stops and removes them. With " +
    "TIDEGATE_TEST_BROKER and TIDEGATE_TEST_TEMPORAL set (host:port), those servers are used " +
    'and none is started. The last line is "N passed, N failed", and ", N skipped" if there ' +
    "are any.",
  flags: {
    only: word(["unit", "integration"]).optional()
      .describe("Only the tests that need no server, or only those in tests/integration."),
    filter: text().optional()
      .describe("Only tests whose name contains the text, or matches it if it is /…/."),
  },
  positionals: [
    { name: "PATH", description: "Only the tests of these files and folders.", rest: true },
  ],
};

/** What is to be run. */
export interface TestPlan {
  /** Files and folders of unit tests; null if none run. Empty: all, and the examples in docs. */
  readonly unit: readonly string[] | null;
  /** Files and folders below `tests/integration`; null if none run, empty for all. */
  readonly integration: readonly string[] | null;
  /** What a test's name must contain; null for any. */
  readonly filter: string | null;
}

/**
 * Reads the command line.
 *
 * @param args The arguments.
 * @returns What is to be run, or null if help was asked for.
 * @throws {TidegateError} `TG_USAGE`.
 */
export function testPlan(args: readonly string[]): TestPlan | null {
  const { help, flags, positionals } = parseCommand(TEST_COMMAND, args);
  if (help) return null;
  const paths = positionals.map((path) => path.replace(/^\.\//, ""));
  const pick = (kind: string, mine: readonly string[]) => {
    const wanted = (flags.only ?? kind) === kind && (paths.length === 0 || mine.length > 0);
    return wanted ? mine : null;
  };
  const unit = pick("unit", paths.filter((path) => !needsServers(path)));
  const integration = pick("integration", paths.filter(needsServers));
  if (unit === null && integration === null) {
    throw new TidegateError(
      "TG_USAGE",
      `Cannot run test: PATH must hold tests of --only ${flags.only}, got ${paths.join(" ")}`,
    );
  }
  return { unit, integration, filter: flags.filter ?? null };
}

function needsServers(path: string): boolean {
  return /(?:^|\/)tests\/integration(?:\/|$)/.test(path);
}
