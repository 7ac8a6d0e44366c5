/**
 * The live page in a real browser, during a shortened spike: what every panel shows is what the API
 * tells, hostile content stays text, and the page comes back after a restart of the control process.
 */

import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { tumbling } from "../../../core/event_time/windows.ts";
import { COLUMNS, type PageState } from "../../../dashboard/server/state.ts";
import { aggregate, clock, dateTime, figure } from "../../../dashboard/page/format.ts";
import { NO_BROWSER, withBrowser } from "../_support/browser.ts";
import { student } from "../_support/events.ts";
import { pathTest } from "../_support/path_tests.ts";
import { TEMPORAL } from "../_support/servers.ts";
import { until } from "../_support/until.ts";
import { accessibilityProblems } from "./_axe.ts";
import { gateBefore } from "./_gate.ts";
import { freePort, Started } from "./_started.ts";

const HOSTILE = `<img src=x onerror="document.title='hacked'">`;

pathTest("the live page during a spike, in Chromium", async (world) => {
  const pipeline = await world.pipeline({
    windowing: tumbling("2s"),
    delayMs: 1_000,
    idleAfterMs: 1_500,
  });
  const { topic } = pipeline.plan;
  await world.createTopic(topic, 2);
  const port = freePort();
  const args = ["--demo", "--port", String(port)];
  let started = await Started.start(pipeline, { args });
  try {
    await withBrowser(async (browser) => {
      const { page, complaints } = await browser.open(started.url, {
        viewport: { width: 1440, height: 900 },
      });
      await page.locator("#content").waitFor();

      await world.phase("an empty pipeline says so", async () => {
        for (const id of ["time-empty", "results-empty", "samples-empty", "fleet-empty"]) {
          assert.equal(await page.locator(`#${id}`).isVisible(), true, id);
        }
        assert.equal(await page.locator("#mood-word").textContent(), "idle");
        assert.equal(await page.locator("#problems").textContent(), "Nothing is wrong.");
      });

      await world.phase("the presenter's button starts and stops a spike", async () => {
        await page.getByRole("button", { name: "Start a spike" }).click();
        await shows(page, "#figure-in", (text) => Number(text.replaceAll(",", "")) > 100);
        await page.locator("#decisions .up").first().waitFor();
        await page.locator("#lanes .window.open").first().waitFor();
        await shows(page, "#fleet-table", (text) => text.includes("ready"));
        await page.locator("#multiples .card").first().waitFor();
        for (const chart of ["chart-load", "chart-workers"]) {
          assert.ok(await drawn(page, chart) > 500, `${chart} is blank`);
        }
        await page.getByRole("button", { name: "Stop the spike" }).click();
        await page.getByRole("button", { name: "Start a spike" }).waitFor();
      });

      await world.phase("hostile, invalid and late events", async () => {
        const nowMs = Date.now();
        await world.send(topic, [
          { key: null, value: student(nowMs, { course: HOSTILE }), partition: 0 },
          { key: null, value: `{"course":"${HOSTILE.replaceAll('"', "'")}"}`, partition: 0 },
          { key: null, value: student(nowMs - 3_600_000, { course: "CS-000" }), partition: 0 },
        ]);
        await shows(page, "#results-table", (text) => text.includes(HOSTILE));
        await shows(page, "#multiples", (text) => text.includes(HOSTILE));
        await shows(page, "#samples-table", (text) => text.includes("<img src=x"));
        assert.equal(await page.locator("main img").count(), 0);
        assert.notEqual(await page.title(), "hacked");
      });

      await world.phase("every panel shows what the API tells", async () => {
        const quiet = await until("the end of the work", async () => {
          const state = await started.state();
          const done = state.now.lag === 0 && state.now.open === 0 && state.now.inRate === 0 &&
            state.account?.state === "holds" && state.time?.partitions.every(isIdle);
          return done ? state : undefined;
        }, { withinMs: 60_000 });
        for (const details of await page.locator("main > section > details").all()) {
          await details.locator("summary").click();
        }
        await shows(page, "#figure-lag", (text) => text === "0");
        await shows(page, "#figure-windows", (text) => text === `0 / ${figure(quiet.now.closed)}`);
        await comparePanels(page, quiet);
      });

      await world.phase("nothing was refused by the policy, and nothing has failed", () => {
        assert.deepEqual(complaints, []);
        return Promise.resolve();
      });

      await world.phase("it is read by keyboard", async () => {
        await page.reload();
        await page.locator("#content").waitFor();
        await page.keyboard.press("Tab");
        await page.keyboard.press("Enter");
        assert.equal(await page.evaluate("document.activeElement.id"), "content");
        const range = page.getByRole("button", { name: "15 min" });
        await range.focus();
        await page.keyboard.press("Space");
        assert.equal(await range.getAttribute("aria-pressed"), "true");
        await page.locator("#load-details summary").focus();
        await page.keyboard.press("Enter");
        await page.locator("#load-table tbody tr").first().waitFor();
      });

      await world.phase("axe finds nothing, in three sizes, light and dark", async () => {
        for (const colorScheme of ["light", "dark"] as const) {
          for (const width of [390, 1440, 2560]) {
            const { page: other } = await browser.open(started.url, {
              ...{ bypassCSP: true, colorScheme, viewport: { width, height: 900 } },
              reducedMotion: "reduce",
            });
            await other.locator("#content").waitFor();
            await other.locator("#multiples .card").first().waitFor();
            await other.evaluate(
              "document.querySelectorAll('details').forEach((one) => { one.open = true; })",
            );
            assert.deepEqual(await accessibilityProblems(other), [], `${width} ${colorScheme}`);
            const overflow = await other.evaluate(
              "document.documentElement.scrollWidth - document.documentElement.clientWidth",
            );
            assert.equal(overflow, 0, `${width} wide: scrolls sideways`);
            await other.context().close();
          }
        }
      });

      await world.phase("after a restart the page goes on by itself", async () => {
        const before = await started.state();
        assert.equal(await started.stop(), 0);
        await page.locator("#disconnected").waitFor();
        assert.match(await page.locator("#disconnected").textContent() ?? "", /tries again/);
        started = await Started.start(pipeline, { args });
        await page.locator("#disconnected").waitFor({ state: "hidden" });
        const after = await started.state();
        assert.notEqual(after.about.life, before.about.life);
        assert.deepEqual(after.account?.account, before.account?.account);
        assert.deepEqual(after.results.at(-1), before.results.at(-1));
        await shows(
          page,
          "#account-events",
          (text) => text.startsWith(`${figure(after.account?.account.events.read ?? -1)}read`),
        );
      });

      await world.phase("without figures yet, the page says that it waits", async () => {
        const context = { viewport: { width: 390, height: 700 } };
        const { page: other } = await browser.open("about:blank", context);
        await other.route("**/events", () => undefined);
        await other.goto(started.url);
        assert.equal(await other.locator("#loading").isVisible(), true);
        assert.equal(await other.locator("#content").isVisible(), false);
      });
    });
    assert.deepEqual(started.lines.filter((line) => !line.startsWith("{")), [], "not NDJSON");
  } finally {
    await started.stop();
  }
}, NO_BROWSER);

function isIdle({ state }: { readonly state: string }): boolean {
  return state === "idle";
}

/** Waits until an element's text is as it should be. */
async function shows(page: Page, selector: string, ok: (text: string) => boolean): Promise<void> {
  let text = "";
  await until(selector, async () => {
    text = await page.locator(selector).textContent() ?? "";
    return ok(text) || undefined;
  }, { seen: () => text });
}

/** How many pixels of a chart are not empty. */
async function drawn(page: Page, id: string): Promise<number> {
  return await page.evaluate<number>(`(() => {
    const canvas = document.querySelector("#${id} canvas");
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let count = 0;
    for (let i = 3; i < data.length; i += 4) if (data[i] > 0) count += 1;
    return count;
  })()`);
}

/** The cells of a table's body, row by row. */
async function cells(page: Page, selector: string): Promise<string[][]> {
  return await page.evaluate<string[][]>(
    `[...document.querySelectorAll("${selector} tbody tr")].map((row) =>
      [...row.cells].map((cell) => cell.textContent))`,
  );
}

async function comparePanels(page: Page, state: PageState): Promise<void> {
  const { account, time, fleet, results, samples, decisions, health, about } = state;
  assert.ok(account !== null && time !== null);
  const terms = (values: Readonly<Record<string, number>>, names: readonly string[]) =>
    names.map((name) => figure(values[name] ?? -1));
  const shown = (id: string) => page.locator(`#${id} .term strong`).allTextContents();
  assert.deepEqual(
    await shown("account-events"),
    terms(account.account.events, [
      ...["read", "aggregated", "late", "invalid", "skewed", "filtered", "failed"],
    ]),
  );
  assert.deepEqual(
    await shown("account-pairs"),
    terms(account.account.pairs, ["assigned", "closed", "open", "waiting", "missed", "lost"]),
  );
  assert.match(await page.locator("#account-state").textContent() ?? "", /both equations hold/);

  assert.deepEqual(
    (await cells(page, "#partition-table")).map(([number, , ...rest]) => [number, ...rest]),
    time.partitions.map(({ partition, watermark, maxEventTime, lag }) => [
      ...[String(partition), dateTime(watermark), dateTime(maxEventTime), figure(lag)],
    ]),
  );
  assert.equal(await page.locator("#lane-partitions .lane.idle").count(), time.partitions.length);
  assert.equal(await page.locator("#lane-partitions .mark").count(), time.marks.length);
  assert.ok(time.marks.some(({ kind }) => kind === "late"));

  assert.deepEqual(
    (await cells(page, "#fleet-table")).map(([slot, word]) => [slot, word]),
    fleet.workers.map(({ slot, state: word }) => [String(slot), word]),
  );

  const table = (await cells(page, "#results-table")).filter((row) => row.length > 1);
  const rows = results.slice(-3).toReversed().flatMap((window) => window.rows);
  assert.deepEqual(
    table,
    rows.map(({ key, events, values, revision }) => [
      ...[...key, figure(events), ...values.map(aggregate), String(revision)],
    ]),
  );
  const [link] = await page.locator("#results-table a").all();
  const newest = results.at(-1);
  assert.equal(
    await link?.getAttribute("href"),
    `${about.workflowUrl}${encodeURIComponent(newest?.id ?? "")}`,
  );

  assert.deepEqual(
    (await cells(page, "#samples-table")).map(([kind, , place, value]) => [kind, place, value]),
    samples.map(({ kind, partition, offset, value }) => [kind, `${partition} / ${offset}`, value]),
  );
  assert.deepEqual(
    await page.locator("#decisions li strong").allTextContents(),
    decisions.slice(-6).toReversed().map(({ previous, desired }) => `${previous} → ${desired}`),
  );
  assert.deepEqual(
    await page.evaluate(
      "[...document.querySelectorAll('#servers li')].map((one) => one.className)",
    ),
    ["good", "good", "good"],
  );
  assert.deepEqual(health.problems, []);
  const lines = new Map((await cells(page, "#load-table")).map(([at, ...rest]) => [at, rest]));
  const { atMs, columns } = state.points;
  const at = atMs.length - 1;
  const point = COLUMNS.map((name) => figure(columns[name][at] ?? null));
  assert.deepEqual(lines.get(clock(atMs[at] ?? null)), point);
}

pathTest(
  "a Temporal that is away is told in words and since when, until it is back",
  async (world) => {
    const pipeline = await world.pipeline();
    await world.createTopic(pipeline.plan.topic, 1);
    const gate = gateBefore(TEMPORAL.address);
    const started = await Started.start(pipeline, { env: { TEMPORAL_ADDRESS: gate.address } });
    try {
      await withBrowser(async (browser) => {
        const { page } = await browser.open(started.url);
        await shows(page, "#problems", (text) => text === "Nothing is wrong.");
        gate.shut();
        await shows(page, "#problems", (text) => text.includes("Temporal unreachable: "));
        await shows(page, "#mood-word", (text) => text === "trouble");
        assert.match(await page.locator("#announcer").textContent() ?? "", /^trouble: /);
        assert.match(
          await page.locator("#servers .bad").textContent() ?? "",
          /since \d\d:\d\d:\d\d/,
        );
        const ready = await fetch(`${started.url}readyz`);
        assert.equal(ready.status, 503);
        assert.match(await ready.text(), /Temporal unreachable/);
        gate.open();
        await shows(page, "#problems", (text) => text === "Nothing is wrong.");
        assert.equal(await page.locator("#servers .bad").count(), 0);
      });
    } finally {
      await started.stop();
      gate.close();
    }
  },
  NO_BROWSER,
);
