/**
 * Accessibility by axe-core.
 *
 * @module
 */

import type { Page } from "playwright-core";

const AXE = new URL("../../../node_modules/axe-core/axe.min.js", import.meta.url);

/** What axe answers, as far as it matters here. */
interface AxeAnswer {
  readonly violations: readonly {
    readonly id: string;
    readonly help: string;
    readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
  }[];
}

/**
 * What is wrong with a page; it must have been opened with `bypassCSP`.
 *
 * @param page The page.
 * @returns A line for each problem.
 */
export async function accessibilityProblems(page: Page): Promise<string[]> {
  await page.addScriptTag({ path: AXE.pathname });
  const answer = await page.evaluate<AxeAnswer>(
    "axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice'] })",
  );
  return answer.violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ html, failureSummary }) =>
      `${id}: ${help}: ${html.slice(0, 200)} ${failureSummary ?? ""}`
    )
  );
}
