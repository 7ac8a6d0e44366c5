import { z } from "zod";
import { count, definePipeline, tumbling } from "../../../definition/define.ts";

/** Has one setting out of range. */
export default definePipeline({
  name: "wrong",
  source: { topic: "wrong" },
  event: z.object({ at: z.number() }),
  eventTime: "at",
  watermark: { delay: "1m" },
  window: tumbling("10s"),
  groupBy: [],
  aggregates: { events: count() },
  shards: 0,
});
