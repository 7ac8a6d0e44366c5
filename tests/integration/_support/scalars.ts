/**
 * A pipeline for tests: keys and times of every type, every aggregate, and a filter.
 *
 * @module
 */

import { z } from "zod";
import { avg, count, definePipeline, max, min, sum, tumbling } from "../../../definition/define.ts";

export default definePipeline({
  name: "scalars",
  source: { topic: "scalars", partitions: 2 },
  event: z.object({
    who: z.union([z.string(), z.number(), z.boolean(), z.null()]),
    n: z.number(),
    at: z.union([z.string(), z.number()]),
  }),
  eventTime: "at",
  watermark: { delay: "5s" },
  window: tumbling("10s"),
  where: (event) => event.n !== 13,
  groupBy: ["who"],
  aggregates: { events: count(), total: sum("n"), mean: avg("n"), low: min("n"), high: max("n") },
});
