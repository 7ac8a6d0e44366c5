/**
 * `definePipeline`: makes a pipeline of a definition, and finds all that is wrong with it at once.
 *
 * @module
 */

import type { Faker } from "@faker-js/faker";
import type { EventReader } from "../core/fold/fold.ts";
import type { Plan } from "../core/plan.ts";
import { Checker } from "./checker.ts";
import { allFields, enrichmentOf } from "./enrich.ts";
import { eventReader } from "./event_reader.ts";
import {
  aggregatesOf,
  eventTimeOf,
  fieldsOf,
  groupByOf,
  recordKeyOf,
  sourceText,
  startOf,
  topicsOf,
  watermarkOf,
  windowingOf,
} from "./settings.ts";
import type { EventSchema, GeneratorContext, PipelineDefinition } from "./definition.ts";
import type { AddsSchema, EventEnrichment, NoAdds } from "./enrichment.ts";

export {
  type Aggregate,
  avg,
  count,
  type Duration,
  type EventSchema,
  type FieldsOf,
  type GeneratorContext,
  hopping,
  max,
  min,
  type PipelineDefinition,
  type SourceSetting,
  sum,
  tumbling,
  type WatermarkSetting,
  type WindowSetting,
} from "./definition.ts";

export type {
  AddsSchema,
  EnrichContext,
  EnrichedEvent,
  EnrichFailure,
  EnrichmentSetting,
  EventEnrichment,
  NoAdds,
} from "./enrichment.ts";

/** Makes one event; the same faker state and context give the same event. */
export type EventGenerator = (faker: Faker, context: GeneratorContext) => unknown;

/** A pipeline: what a definition file exports as its default. */
export interface Pipeline {
  /** The part that is plain data. */
  readonly plan: Plan;
  /** Checks decoded records, reads their event times and keys, and filters them. */
  readonly reader: EventReader;
  /** Looks up what is added to each event; null if the definition has no enrichment. */
  readonly enrichment: EventEnrichment | null;
  /** Makes events; null if the definition has no generator. */
  readonly generator: EventGenerator | null;
  /** How many partitions the source topic gets when Tidegate makes it. */
  readonly partitions: number;
  /** The field whose value becomes the key of produced records; null for no key. */
  readonly recordKey: string | null;
}

/**
 * Makes a pipeline.
 *
 * @param definition The definition.
 * @returns The pipeline.
 * @throws {TidegateError} `TG_DEFINITION`, with every problem on a line of its own.
 *
 * @example A count per page and minute
 * ```ts
 * import { z } from "zod";
 * import { count, definePipeline, tumbling } from "./define.ts";
 *
 * const pipeline = definePipeline({
 *   name: "page_views",
 *   source: { topic: "page_views" },
 *   event: z.object({ page: z.string(), at: z.number() }),
 *   eventTime: "at",
 *   watermark: { delay: "30s" },
 *   window: tumbling("1m"),
 *   groupBy: ["page"],
 *   aggregates: { views: count() },
 * });
 * if (pipeline.plan.resultsTopic !== "page_views.results") throw new Error("unexpected");
 * ```
 */
export function definePipeline<
  const S extends EventSchema,
  const A extends AddsSchema = NoAdds,
>(definition: PipelineDefinition<S, A>): Pipeline {
  const check = new Checker(definition);
  check.onlyMembers("", SETTINGS);
  const own = fieldsOf(check, definition.event);
  const enriched = enrichmentOf(check, own, definition);
  const fields = allFields(own, enriched?.fields ?? null);
  const name = check.text(
    "name",
    "1 to 63 of a-z, 0-9, _ and -, beginning with a letter",
    (text) => /^[a-z][a-z0-9_-]{0,62}$/.test(text),
  );
  const plan: Plan = {
    pipeline: name,
    ...topicsOf(check, name),
    from: startOf(check),
    windowing: windowingOf(check),
    ...watermarkOf(check),
    latenessMs: check.duration("lateness", 0, "0"),
    shards: check.integer("shards", 1, 64, 1),
    groupBy: groupByOf(check, fields),
    aggregates: aggregatesOf(check, fields),
    eventTimeField: eventTimeOf(check, own),
    schema: own?.schema ?? "",
    where: sourceText(check.get("where")),
    ...(enriched === null ? {} : {
      enrich: sourceText(check.get("enrich")),
      adds: enriched.fields.schema,
    }),
  };
  check.optionalFunction("where");
  check.optionalFunction("generator");
  const partitions = check.integer("source.partitions", 1, 10_000, 4);
  const recordKey = recordKeyOf(check, own);
  check.finish(definition.name);
  return {
    plan,
    reader: eventReader(definition.event, {
      eventTimeField: plan.eventTimeField,
      // The one cast: the filter is only called with events that the schema has let through.
      where: (definition.where ?? null) as EventReader["where"],
      numericFields: own?.numericFields ?? [],
      ...(enriched === null ? {} : { adds: enriched.enrichment.adds }),
    }),
    enrichment: enriched?.enrichment ?? null,
    generator: definition.generator ?? null,
    partitions,
    recordKey,
  };
}

const SETTINGS = [
  "name",
  "source",
  "event",
  "eventTime",
  "watermark",
  "window",
  "lateness",
  "enrich",
  "enrichment",
  "where",
  "groupBy",
  "aggregates",
  "results",
  "shards",
  "generator",
] as const satisfies readonly (keyof PipelineDefinition<EventSchema>)[];
