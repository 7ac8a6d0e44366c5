/**
 * A real Chromium for tests. Without one, the tests that need it are ignored, and it is said so.
 *
 * @module
 */

import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { NO_SERVERS, testVariable } from "./servers.ts";

const PLACES = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/usr/bin/google-chrome-stable",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/** The program: `TIDEGATE_TEST_CHROMIUM`, or where systems put it; null where there is none. */
export const CHROMIUM: string | null = NO_SERVERS ? null : findChromium();

/** Whether tests in the browser are left out. */
export const NO_BROWSER: boolean = CHROMIUM === null;

if (!NO_SERVERS && NO_BROWSER) {
  console.error(
    "Tests in the browser are ignored: there is no Chromium. Install the package chromium, or set " +
      "TIDEGATE_TEST_CHROMIUM to a Chromium or Chrome.",
  );
}

/** No sandbox: containers and root have none to offer. Nothing is fetched in the background. */
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Opens pages. */
export interface BrowserWorld {
  /**
   * Opens a page in a profile of its own.
   *
   * @param url Its address; none if left out.
   * @param options The size, the colours, and whether the page's own policy holds.
   * @returns The page, and what went wrong in it so far.
   */
  open(url: string, options?: BrowserContextOptions): Promise<OpenPage>;
}

/** A page. */
export interface OpenPage {
  /** The page. */
  readonly page: Page;
  /** Errors and warnings of its console, and what it threw. */
  readonly complaints: readonly string[];
}

/**
 * Works with a browser, and ends it.
 *
 * @param work The work.
 */
export async function withBrowser(work: (browser: BrowserWorld) => Promise<void>): Promise<void> {
  const { chromium } = await import("playwright-core");
  const browser: Browser = await chromium.launch({ executablePath: CHROMIUM ?? "", args: FLAGS });
  try {
    await work({
      async open(url, options = {}) {
        const context = await browser.newContext(options);
        const page = await context.newPage();
        const complaints: string[] = [];
        page.on("console", (message) => {
          const type = message.type();
          if (type === "error" || type === "warning") complaints.push(message.text());
        });
        page.on("pageerror", (error) => complaints.push(error.message));
        await page.goto(url);
        return { page, complaints };
      },
    });
  } finally {
    await browser.close();
  }
}

function findChromium(): string | null {
  const given = testVariable("TIDEGATE_TEST_CHROMIUM");
  for (const path of given === undefined ? PLACES : [given]) {
    try {
      if (Deno.statSync(path).isFile) return path;
    } catch {
      // Not there.
    }
  }
  return null;
}
