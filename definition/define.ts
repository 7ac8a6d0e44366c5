/**
 * `definePipeline` and what a definition is written with: aggregates and windows.
 *
 * @module
 */

import type { Faker } from "@faker-js/faker";
import {
  hopping as hoppingWindows,
  tumbling as tumblingWindows,
  type WindowingOptions,
} from "../core/event_time/windows.ts";
import type { EventReader } from "../core/fold/fold.ts";
import type { Plan } from "../core/plan.ts";
import type {
  Aggregate,
  Duration,
  EventSchema,
  GeneratorContext,
  PipelineDefinition,
  WindowSetting,
} from "./definition.ts";
import { type AddsSchema, type EventEnrichment, type NoAdds, pausesOf } from "./enrichment.ts";
import { checkSchema } from "./fields.ts";
import { type DefinitionSettings, readDefinition } from "./schema.ts";

export type {
  Aggregate,
  Duration,
  EventSchema,
  FieldsOf,
  GeneratorContext,
  PipelineDefinition,
  SourceSetting,
  WatermarkSetting,
  WindowSetting,
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
  const settings = readDefinition(definition);
  const { name, source, watermark, own, added } = settings;
  const enrichment = enrichmentOf(settings);
  const plan: Plan = {
    pipeline: name,
    topic: source.topic,
    resultsTopic: settings.results?.topic ?? `${name}.results`,
    lateTopic: `${name}.late`,
    invalidTopic: `${name}.invalid`,
    from: source.from,
    windowing: settings.window,
    delayMs: watermark.delay,
    idleAfterMs: watermark.idleAfter,
    maxAheadMs: watermark.maxAhead,
    maxDriftMs: watermark.maxDrift,
    latenessMs: settings.lateness,
    shards: settings.shards,
    groupBy: settings.groupBy,
    aggregates: settings.aggregates,
    eventTimeField: settings.eventTime,
    schema: own.schema,
    where: sourceText(settings.where),
    ...(added === null ? {} : { enrich: sourceText(settings.enrich), adds: added.schema }),
  };
  const reader: EventReader = {
    check: (value) => checkSchema(settings.event, value),
    eventTimeField: settings.eventTime,
    where: settings.where ?? null,
    numericFields: own.numericFields,
    changedFields: own.changedFields,
    ...(enrichment === null ? {} : { adds: enrichment.adds }),
  };
  return {
    plan,
    reader,
    enrichment,
    generator: settings.generator ?? null,
    partitions: source.partitions,
    recordKey: source.recordKey ?? null,
  };
}

function enrichmentOf({ enrich, enrichment, added }: DefinitionSettings): EventEnrichment | null {
  if (enrich === undefined || enrichment === undefined || added === null) return null;
  const { adds, concurrency, timeout, retries, onFailure } = enrichment;
  return {
    enrich,
    adds: { names: added.names, check: (value) => checkSchema(adds, value) },
    concurrency,
    timeoutMs: timeout,
    pausesMs: pausesOf(retries),
    onFailure,
  };
}

/** A function's text, in which its layout doesn't matter. */
function sourceText(given: unknown): string {
  return typeof given === "function" ? given.toString().replace(/\s+/g, " ") : "";
}

/** How many events there are. */
export function count(): Aggregate<never> {
  return { kind: "count", field: null };
}

/** The sum of a field, exact and then rounded once. */
export function sum<const F extends string>(field: F): Aggregate<F> {
  return { kind: "sum", field };
}

/** The mean of a field: its exact sum divided by the number of events. */
export function avg<const F extends string>(field: F): Aggregate<F> {
  return { kind: "avg", field };
}

/** The smallest value of a field. */
export function min<const F extends string>(field: F): Aggregate<F> {
  return { kind: "min", field };
}

/** The largest value of a field. */
export function max<const F extends string>(field: F): Aggregate<F> {
  return { kind: "max", field };
}

/** Windows that follow each other without gap or overlap. */
export function tumbling(size: Duration, options?: WindowingOptions): WindowSetting {
  return { resolve: () => tumblingWindows(size, options) };
}

/**
 * Windows that overlap: one starts every `slide`.
 *
 * @param slide How far the starts lie apart; `slide <= size <= 16 * slide`.
 */
export function hopping(
  size: Duration,
  slide: Duration,
  options?: WindowingOptions,
): WindowSetting {
  return { resolve: () => hoppingWindows(size, slide, options) };
}

/** What may differ besides the name and the topics. */
export type PlanChanges = Partial<
  Pick<
    Plan,
    "windowing" | "delayMs" | "idleAfterMs" | "maxAheadMs" | "maxDriftMs" | "latenessMs" | "shards"
  >
>;

/**
 * Derives a pipeline: the same events and aggregates under a name, and topics named after it, for
 * demos and tests that must not touch the original.
 */
export function derivePipeline(
  pipeline: Pipeline,
  name: string,
  changes: PlanChanges = {},
): Pipeline {
  const plan = {
    ...pipeline.plan,
    ...changes,
    pipeline: name,
    topic: `${name}.source`,
    resultsTopic: `${name}.results`,
    lateTopic: `${name}.late`,
    invalidTopic: `${name}.invalid`,
  };
  return { ...pipeline, plan };
}

/** All topics of a pipeline, the source included. */
export function topicsOf(plan: Plan): string[] {
  return [plan.topic, plan.resultsTopic, plan.lateTopic, plan.invalidTopic];
}
