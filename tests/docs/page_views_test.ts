// The example of README.md; `example_test.ts` compares the two.
import assert from "node:assert/strict";
import { runPipeline } from "../../mod.ts";
import pageViews from "./page_views.ts";

Deno.test("a view counts in its minute, a late one does not", () => {
  const view = (time: string, ms: number) => ({ page: "/", ms, at: `2026-01-01T${time}Z` });
  const { rows, late, account } = runPipeline(pageViews, [
    view("09:00:10", 120),
    view("09:00:50", 80),
    // The watermark moves to 09:01:30: the first minute has ended.
    view("09:02:00", 90),
    view("09:00:59", 50),
  ]);
  assert.deepEqual(rows[0]?.values, { views: 2, mean_ms: 100 });
  assert.equal(late.length, 1);
  assert.ok(account.ok);
});
