/**
 * Reads the last line of `deno test`, so that several runs can be added up.
 *
 * @module
 */

/** How many tests ended which way. */
export interface TestCounts {
  /** Tests that passed. */
  readonly passed: number;
  /** Tests that failed. */
  readonly failed: number;
  /** Tests that were left out (`ignore`). */
  readonly skipped: number;
}

const SUMMARY =
  /^(?:ok|FAILED) \| (\d+) passed(?: \([^)]*\))?((?: \| \d+ [a-z ]+(?: \([^)]*\))?)*) \([^)]*\)$/;

/**
 * The counts of one run of `deno test`. A run that gives no summary line (it could not start, or
 * was killed), and one that failed although its summary counts no failure, counts as one failure.
 *
 * @param output What the run printed to standard output; the last summary line counts, since a
 * test may print one.
 * @param code The run's exit code.
 * @returns The counts.
 */
export function testCounts(output: string, code: number): TestCounts {
  // deno-lint-ignore no-control-regex
  const plain = output.replaceAll(/\x1b\[[0-9;]*m/g, "");
  const summary = plain.split("\n").map((line) => SUMMARY.exec(line.trim())).findLast(Boolean);
  const parts = summary?.[2] ?? "";
  const part = (name: string) => Number(new RegExp(`\\| (\\d+) ${name}\\b`).exec(parts)?.[1] ?? 0);
  const failed = part("failed");
  return {
    passed: Number(summary?.[1] ?? 0),
    failed: summary === null || summary === undefined || (code !== 0 && failed === 0)
      ? failed + 1
      : failed,
    skipped: part("ignored"),
  };
}

/**
 * Adds up runs.
 *
 * @param runs The counts of each.
 * @returns Their sum.
 */
export function addCounts(runs: readonly TestCounts[]): TestCounts {
  return runs.reduce((sum, run) => ({
    passed: sum.passed + run.passed,
    failed: sum.failed + run.failed,
    skipped: sum.skipped + run.skipped,
  }), { passed: 0, failed: 0, skipped: 0 });
}

/**
 * The counts as people and CI read them.
 *
 * @param counts The counts.
 * @returns `N passed, N failed`, and `, N skipped` if there are any.
 */
export function formatCounts(counts: TestCounts): string {
  const skipped = counts.skipped === 0 ? "" : `, ${counts.skipped} skipped`;
  return `${counts.passed} passed, ${counts.failed} failed${skipped}`;
}
