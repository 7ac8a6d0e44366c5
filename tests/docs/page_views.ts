// The example of README.md; `example_test.ts` compares the two.
import { z } from "zod";
import { avg, count, definePipeline, tumbling } from "../../mod.ts";

/** Views and mean load time per page and minute. */
export default definePipeline({
  name: "page_views",
  source: { topic: "page_views" },
  event: z.object({ page: z.string(), ms: z.number(), at: z.string() }),
  eventTime: "at",
  watermark: { delay: "30s" },
  window: tumbling("1m"),
  groupBy: ["page"],
  aggregates: { views: count(), mean_ms: avg("ms") },
});
