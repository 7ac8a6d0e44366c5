/**
 * A pipeline for tests whose events are enriched by a service of the test: each event says at which
 * port it is. Events whose lookup fails are waited for.
 *
 * @module
 */

import { z } from "zod";
import {
  count,
  definePipeline,
  type EnrichFailure,
  type Pipeline,
  sum,
  tumbling,
} from "../../../definition/define.ts";

/** The longest that one try may take, in ms: more than the heartbeat of a slice allows. */
export const TRY_MS = 9_000;

/**
 * Makes the pipeline.
 *
 * @param onFailure What becomes of an event whose lookup has failed.
 * @returns The pipeline.
 */
export function enriched(onFailure: EnrichFailure): Pipeline {
  return definePipeline({
    name: "enriched",
    source: { topic: "enriched", partitions: 2 },
    event: z.object({ id: z.string(), port: z.int(), at: z.number() }),
    eventTime: "at",
    watermark: { delay: "5s" },
    window: tumbling("10s"),
    async enrich({ id, port }, { signal }) {
      const response = await fetch(`http://127.0.0.1:${port}/people/${id}`, { signal });
      if (response.ok) return await response.json();
      await response.body?.cancel();
      throw new Error(`${id}: answered ${response.status}`);
    },
    enrichment: {
      adds: z.object({ team: z.string(), points: z.number() }),
      concurrency: 8,
      timeout: TRY_MS,
      retries: 1,
      onFailure,
    },
    groupBy: ["team"],
    aggregates: { events: count(), points: sum("points") },
  });
}

export default enriched("retry");
