/**
 * What a person sees in the real Temporal Web UI: windows with their rows, the drain, the supervisor,
 * and the saved queries of the manual.
 */

import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { NO_BROWSER, withBrowser } from "../_support/browser.ts";
import { student } from "../_support/events.ts";
import { pathTest } from "../_support/path_tests.ts";
import { testVariable } from "../_support/servers.ts";
import { until } from "../_support/until.ts";

const WEB_UI = testVariable("TIDEGATE_TEST_WEBUI");
const HOSTILE = "<img src=x onerror=alert(1)> **bold** | x";
const MANUAL = new URL("../../../docs/operations.md", import.meta.url);

pathTest("windows, drain and supervisor in the Temporal Web UI", async (world) => {
  const pipeline = await world.pipeline({ delayMs: 60_000, idleAfterMs: 600_000 });
  const { topic, pipeline: name } = pipeline.plan;
  await world.createTopic(topic, 2);
  const run = await world.start(pipeline, { mode: "live" });
  const baseMs = Date.parse("2026-03-01T10:00:00Z");
  const send = (partition: number, atMs: number, course: string) =>
    world.send(topic, [{ key: null, value: student(baseMs + atMs, { course }), partition }]);
  await send(0, 1_000, "CS-101");
  await send(1, 2_000, HOSTILE);
  await send(0, 75_000, "CS-101");
  await send(1, 75_000, "CS-101");
  await run.untilRead(4);
  await run.untilView(
    "a closed window, and an open one that has got its events",
    ({ closed, open }) => closed.windows === 1 && open.length === 1 && open[0]?.pairs === 2,
  );
  const openStart = "2026-03-01T10:01:10.000Z";
  const open = `${name}/1/window/${openStart}`;
  const closed = `${name}/1/window/2026-03-01T10:00:00.000Z`;

  await withBrowser(async (browser) => {
    const { page } = await browser.open("about:blank", { viewport: { width: 1500, height: 1000 } });

    await world.phase("a closed window: its rows as a table, hostile keys as text", async () => {
      const { text, rows, markup } = await detailsOf(page, closed, /Completed at watermark/);
      assert.match(text, /2 events in 2 cells/);
      assert.match(text, /Completed at watermark 2026-03-01T10:00:1[0-9]/);
      assert.deepEqual(rows, [
        ["course", "events", "total_loc", "avg_cpu"],
        [HOSTILE, "1", "1", "50"],
        ["CS-101", "1", "1", "50"],
      ]);
      assert.equal(markup, 0, "hostile content became markup");
    });

    await world.phase("an open window: until when, and what it holds from where", async () => {
      const { text, rows } = await detailsOf(page, open, /Open until/);
      assert.match(text, /Open until the watermark passes 2026-03-01T10:01:20\.000Z/);
      assert.match(
        text,
        /Partitions heard from: 0 \(offsets [01] to 1\), 1 \(offsets [01] to 1\); 1 calls taken/,
      );
      assert.deepEqual(rows.at(-1), ["CS-101", "2", "2", "50"]);
    });

    await world.phase("drain and supervisor", async () => {
      const drain = await detailsOf(page, `${name}/1/drain`, /Watermark/);
      assert.match(drain.text, /Watermark 2026-03-01T10:00:15\.000Z, held by partition \d/);
      assert.match(drain.text, /1 windows open, 1 closed/);
      assert.deepEqual(
        drain.rows.filter(([first]) => first === "0" || first === "1")
          .map(([partition, state, cursor, lag]) => [partition, state, cursor, lag]),
        [["0", "active", "2", "0"], ["1", "active", "2", "0"]],
      );
      assert.ok(drain.rows.some(([first, events]) => first === openStart && events === "2"));
      const supervisor = await detailsOf(page, `${name}/supervisor`, /Workers/);
      assert.match(supervisor.text, /Workers: 1 wanted/);
      assert.match(supervisor.text, /time workers why|time\s+workers\s+why/);
    });

    await world.phase("the saved queries of the manual find what they say", async () => {
      const drain = `${name}/1/drain`;
      const expected: Readonly<Record<string, readonly string[]>> = {
        "all of a pipeline": [drain, `${name}/supervisor`, open, closed],
        "its open windows": [open],
        "windows that ended in an hour": [open, closed],
        "supervisors by their fleet": [`${name}/supervisor`],
        "its drain": [drain],
      };
      const queries = await queriesOf(name);
      assert.deepEqual([...queries.keys()].sort(), Object.keys(expected).sort());
      for (const [what, query] of queries) {
        await lists(page, { query, name, expected: expected[what] ?? [] });
      }
    });
  });
}, NO_BROWSER || WEB_UI === undefined);

/** The saved queries of the manual, for a pipeline and the times of this test. */
async function queriesOf(name: string): Promise<Map<string, string>> {
  const manual = await Deno.readTextFile(MANUAL);
  const section = manual.split("\nQueries to save:\n")[1]?.split("| search attribute")[0] ?? "";
  const rows = [...section.matchAll(/^\| ([^|]+?) +\| `([^`]+)` +\|$/gm)];
  return new Map(rows.map(([, what = "", query = ""]) => [
    what,
    query.replaceAll("cs_student_logs", name)
      .replaceAll("2026-11-22T19", "2026-03-01T10").replaceAll("2026-11-22T20", "2026-03-01T11"),
  ]));
}

/** Waits until a query lists what is expected, and nothing else of the pipeline. */
async function lists(
  page: Page,
  { query, name, expected }: {
    readonly query: string;
    readonly name: string;
    readonly expected: readonly string[];
  },
): Promise<void> {
  const url = `${WEB_UI}/namespaces/default/workflows?query=${encodeURIComponent(query)}`;
  const wanted = [...expected].sort();
  let ids: string[] = [];
  // The list comes a moment after the workflows.
  await until(query, async () => {
    await page.goto(url);
    await page.locator("table tbody tr").first().waitFor();
    const texts = await page.locator("table tbody a").allTextContents();
    ids = [...new Set(texts.map((text) => text.trim()))].filter((id) => id.startsWith(`${name}/`));
    return JSON.stringify(ids.sort()) === JSON.stringify(wanted) || undefined;
  }, { everyMs: 500, seen: () => ({ ids, wanted }) });
}

/** What the tab "User Metadata" shows of a workflow as its current details. */
async function detailsOf(page: Page, id: string, wanted: RegExp) {
  await page.goto(`${WEB_UI}/namespaces/default/workflows/${encodeURIComponent(id)}`);
  await page.waitForURL(/\/history$/);
  await page.getByText("User Metadata").click();
  let seen: string[] = [];
  // The Web UI renders Markdown in frames of their own.
  const frame = await until(`the details of ${id}`, async () => {
    seen = [];
    for (const one of page.frames()) {
      if (!one.url().includes("/render?")) continue;
      const text = await one.locator("body").innerText().catch(() => "");
      seen.push(text);
      if (wanted.test(text) && await one.locator("table").count() > 0) return one;
    }
    return undefined;
  }, { seen: () => seen });
  return {
    text: await frame.locator("body").innerText(),
    rows: await frame.evaluate<string[][]>(
      `[...document.querySelectorAll("tr")].map((row) =>
        [...row.cells].map((cell) => cell.textContent.trim()))`,
    ),
    markup: await frame.locator("td :is(img, strong, script, a)").count(),
  };
}
