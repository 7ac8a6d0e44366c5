/**
 * What a pipeline definition is made of. The types tie every field name to the event's schema, so
 * that a wrong one does not compile.
 *
 * @module
 */

import type { Faker } from "@faker-js/faker";
import type { z } from "zod";
import type { AggregateKind } from "../core/fold/aggregates.ts";
import type { Windowing } from "../core/event_time/windows.ts";
import type { KeyValue } from "../core/flow/row.ts";
import type {
  AddsSchema,
  EnrichContext,
  EnrichedEvent,
  EnrichmentSetting,
  NoAdds,
} from "./enrichment.ts";

/** A duration: a text such as `"10s"`, `"1m30s"`, `"0"`, or whole milliseconds. */
export type Duration = string | number;

/** The schema of an event. */
export type EventSchema = z.ZodType<object>;

/**
 * The fields of `E` whose values are always a `T`: optional and nullable ones are not. Index
 * signatures, as loose objects have them, are passed over: they would swallow the names beside them.
 */
export type FieldsOf<E, T> = keyof {
  [
    K in keyof E as K extends string ? string extends K ? never : E[K] extends T ? K : never : never
  ]: K;
};

/** An aggregate over a field of the event; made by `count`, `sum`, `avg`, `min` and `max`. */
export interface Aggregate<F extends string> {
  /** What is computed. */
  readonly kind: AggregateKind;
  /** The event's field; null for `count`. */
  readonly field: F | null;
}

/** The windows of a definition; made by `tumbling` and `hopping`. */
export interface WindowSetting {
  /**
   * Works out the windows. Done by `definePipeline`, so that a wrong size is one problem among all.
   *
   * @throws {TidegateError} `TG_DEFINITION` if a value is out of range.
   */
  resolve(): Windowing;
}

/** What a generator is told about the event to make. */
export interface GeneratorContext {
  /** Counts the events of one producer from 0. */
  readonly index: number;
  /** The event time to give it, epoch ms. */
  readonly timeMs: number;
}

/** Where the events come from. */
export interface SourceSetting<E> {
  /** The topic. */
  readonly topic: string;
  /**
   * How many partitions the topic gets when Tidegate makes it.
   * @default {4}
   */
  readonly partitions?: number;
  /**
   * Where the first generation begins: at the oldest record, after the newest, or at an ISO 8601
   * time of the records' timestamps.
   * @default {"earliest"}
   */
  readonly from?: "earliest" | "latest" | (string & Record<never, never>);
  /** The field whose value becomes the key of produced records; no key if left out. */
  readonly recordKey?: FieldsOf<E, string | number>;
}

/** How far the watermark stays behind, and what keeps one partition from holding up all. */
export interface WatermarkSetting {
  /** How far the watermark stays behind the largest event time seen. */
  readonly delay: Duration;
  /**
   * How long a caught-up partition may be still before the others go on without it.
   * @default {"10s"}
   */
  readonly idleAfter?: Duration;
  /**
   * How far an event time may lie ahead of the record's Kafka timestamp.
   * @default {"5m"}
   */
  readonly maxAhead?: Duration;
  /**
   * How far a partition in a backlog may run ahead of the watermark.
   * @default {"1h"}
   */
  readonly maxDrift?: Duration;
}

/** A pipeline definition. */
export interface PipelineDefinition<S extends EventSchema, A extends AddsSchema = NoAdds> {
  /** The pipeline's name, a prefix of its topics, task queues and workflow ids. */
  readonly name: string;
  /** Where the events come from. */
  readonly source: SourceSetting<z.input<S>>;
  /** What an event must look like; a record that doesn't is invalid. */
  readonly event: S;
  /** The field that holds the event time: ISO 8601 text with its zone, or epoch ms. */
  readonly eventTime: FieldsOf<z.output<S>, string | number>;
  /** How far the watermark stays behind. */
  readonly watermark: WatermarkSetting;
  /** How event time is cut into windows. */
  readonly window: WindowSetting;
  /**
   * How long a window stays open for late changes after its first emission.
   * @default {"0"}
   */
  readonly lateness?: Duration;
  /**
   * Looks something up for every event, and gives the fields that are added to it. The same event
   * should get the same fields, whenever it is asked for: results are reproducible as far as it
   * does. May be called more than once for an event; what it changes in the event has no effect.
   */
  readonly enrich?: (
    event: z.output<S>,
    context: EnrichContext,
  ) => z.input<A> | Promise<z.input<A>>;
  /** The fields that `enrich` adds, and how it is called; goes with `enrich`. */
  readonly enrichment?: EnrichmentSetting<A>;
  /**
   * Says which events count; pure, and without outside state. It sees the added fields too. All if
   * left out.
   */
  readonly where?: (event: EnrichedEvent<S, A>) => boolean;
  /** The fields that make the key, in this order, added ones too; `[]` for one row per window. */
  readonly groupBy: readonly FieldsOf<EnrichedEvent<S, A>, KeyValue>[];
  /** What is computed per window and key, by the name of its value in result rows. */
  readonly aggregates: Readonly<Record<string, Aggregate<FieldsOf<EnrichedEvent<S, A>, number>>>>;
  /**
   * Where result rows go.
   * @default {{ topic: "<name>.results" }}
   */
  readonly results?: {
    /** The topic. */
    readonly topic: string;
  };
  /**
   * How many workflows share the keys of one window; more of them for windows with many keys.
   * @default {1}
   */
  readonly shards?: number;
  /** Makes events for `produce`; pure but for the faker that it is handed. */
  readonly generator?: (faker: Faker, context: GeneratorContext) => z.input<S>;
}
