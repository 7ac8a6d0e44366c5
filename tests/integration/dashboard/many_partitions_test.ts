/**
 * The live page in a real browser with 64 partitions of which some don't go on: what is shown is what
 * matters, on a phone as on a screen. A real drain in memory tells of itself.
 */

import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { dateTime } from "../../../dashboard/page/format.ts";
import { startDashboard } from "../../../dashboard/server/start.ts";
import type { PageState } from "../../../dashboard/server/state.ts";
import { Driven, type Finds } from "../../dashboard/driven.ts";
import { NO_BROWSER, withBrowser } from "../_support/browser.ts";
import { until } from "../_support/until.ts";
import { accessibilityProblems } from "./_axe.ts";

const PARTITIONS = 64;
/** Where pictures are put for people; none are taken if it is not set. */
const PICTURES = NO_BROWSER ? undefined : Deno.env.get("TIDEGATE_TEST_PICTURES");

/** Brings windows about, partitions far apart, and each kind of trouble. */
async function driven(): Promise<Driven> {
  const baseMs = Math.floor(Date.now() / 10_000) * 10_000 - 60_000;
  const it = await Driven.open({
    ...{ partitions: PARTITIONS, baseMs, plan: { maxDriftMs: 40_000, latenessMs: 10_000 } },
  });
  const finds: Finds = {
    7: {
      failure: {
        ...{ code: "TG_OFFSET_GONE", message: "offset 0 was deleted", offset: 0 },
        passing: false,
      },
    },
    21: {
      failure: {
        ...{ code: "TG_BROKER_UNREACHABLE", message: "partition 21 has no leader", offset: null },
        passing: true,
      },
    },
    33: { openTransaction: { forMs: 20_000, offset: 4 } },
  };
  for (const at of [1_000, 12_000, 22_000]) {
    for (let p = 0; p < PARTITIONS; p++) {
      if (finds[p]?.failure === undefined) await it.send(p, ...times(at, p));
    }
    await it.sweep(at === 22_000 ? finds : {}, 6_000);
  }
  await it.send(60, 80_000);
  await it.sweep({ 21: finds[21] ?? {}, 33: finds[33] ?? {} });
  return it;
}

function times(at: number, partition: number): number[] {
  return [at, at + partition * 90, at + partition * 130];
}

Deno.test({
  name: "64 partitions on the page, in Chromium: what matters is shown, the rest is one line",
  ignore: NO_BROWSER,
  async fn(t) {
    const it = await driven();
    const dashboard = await startDashboard({
      ...{ host: "127.0.0.1", port: 0, plan: it.plan, webUi: null, namespace: "default" },
    });
    it.observe(dashboard.watch);
    await dashboard.attach(it.control());
    try {
      await withBrowser(async (browser) => {
        for (const [size, width] of [["screen", 1440], ["phone", 390]] as const) {
          for (const colorScheme of ["light", "dark"] as const) {
            await t.step(`${size}, ${colorScheme}`, async () => {
              const { page, complaints } = await browser.open(dashboard.url, {
                ...{ bypassCSP: true, colorScheme, viewport: { width, height: 900 } },
                reducedMotion: "reduce",
              });
              await page.locator("#lanes").waitFor();
              const state = await stateOf(dashboard.url);
              await compare(page, state);
              await fits(page);
              if (PICTURES !== undefined) {
                await page.screenshot({
                  fullPage: true,
                  path: `${PICTURES}/64-${size}-${colorScheme}.png`,
                });
              }
              await page.evaluate(
                "document.querySelectorAll('details').forEach((one) => { one.open = true; })",
              );
              assert.deepEqual(await accessibilityProblems(page), []);
              assert.deepEqual(complaints, []);
              await page.context().close();
            });
          }
        }
        await t.step("when all go on again, the trouble is gone from the page", async () => {
          const { page } = await browser.open(dashboard.url);
          await page.locator("#problems .warning").first().waitFor();
          it.nowMs = Date.now();
          it.drain.resume(7, 0);
          await it.decide();
          for (let i = 0; i < 3; i++) {
            for (let p = 0; p < PARTITIONS; p++) await it.send(p, 90_000);
            await it.sweep();
          }
          await until(
            "no problem",
            async () =>
              await page.locator("#problems").textContent() === "Nothing is wrong." || undefined,
          );
          assert.equal(await page.locator("#lane-partitions .lane.active").count(), 8);
          assert.match(
            await page.locator(".lane.folded .number").textContent() ?? "",
            /^… 56 more$/,
          );
        });
      });
    } finally {
      await dashboard.stop();
    }
  },
});

async function stateOf(url: string): Promise<PageState> {
  // Served by our own server, so it is of this shape.
  return await (await fetch(`${url}api/state`)).json() as PageState;
}

async function compare(page: Page, { time, health, account }: PageState): Promise<void> {
  assert.ok(time !== null && time.folded !== null);
  const texts = (selector: string) => page.locator(selector).allTextContents();
  const { partitions, folded } = time;
  assert.deepEqual(
    await texts("#lane-partitions .number"),
    [...partitions.map(({ partition }) => `partition ${partition}`), `… ${folded.count} more`],
  );
  const states = new Map(partitions.map(({ partition, state }) => [partition, state]));
  assert.deepEqual([7, 21, 33, 60].map((partition) => states.get(partition)), [
    ...["stopped", "trouble", "transaction", "held"],
  ]);
  assert.equal(partitions.length + folded.count, PARTITIONS);
  const last = await page.evaluate<string[]>(
    "[...document.querySelector('#partition-table tbody tr:last-child').cells]" +
      ".map((cell) => cell.textContent)",
  );
  assert.equal(last[0], `… ${folded.count} more`);
  assert.equal(last[2], `between ${dateTime(folded.from)} and ${dateTime(folded.to)}`);
  const problems = (await texts("#problems li")).join("\n");
  for (
    const words of [
      /partition 7 stopped, offset 0: TG_OFFSET_GONE.*deno task resume.*since \d\d:/,
      /partition 21 can't be read: TG_BROKER_UNREACHABLE.*tried again.*since \d\d:/,
      /partition 33 waits for the end of a transaction that begins at offset 4.*since \d\d:/,
      /partition 60 is held: it is farther ahead of partition 7 in event time/,
    ]
  ) assert.match(problems, words);
  assert.equal(health.problems.length, 4);
  assert.equal(account?.state, "holds");
  assert.match(await page.locator("#account-state").textContent() ?? "", /both equations hold/);
}

/** Nothing is cut off or lies outside of the page. */
async function fits(page: Page): Promise<void> {
  const overflow = await page.evaluate<number>(
    "document.documentElement.scrollWidth - document.documentElement.clientWidth",
  );
  assert.equal(overflow, 0, "scrolls sideways");
  const cut = await page.evaluate<string[]>(
    "[...document.querySelectorAll('#lane-partitions .name span')]" +
      ".filter((one) => one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0)" +
      ".map((one) => one.textContent)",
  );
  assert.deepEqual(cut, [], "labels are cut off");
}
