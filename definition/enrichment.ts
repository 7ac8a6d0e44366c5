/**
 * The enrichment of a pipeline: an asynchronous lookup for every event, which adds fields to it
 * before it is grouped and summed up.
 *
 * @module
 */

import type { z } from "zod";
import type { AddedFields, FoldEvent } from "../core/fold/fold.ts";
import type { Duration, EventSchema } from "./definition.ts";

/** The schema of the fields that an enrichment adds; `z.object({})` if it adds none. */
export type AddsSchema = z.ZodObject;

/** The schema of a definition without an enrichment. */
export type NoAdds = z.ZodObject<Record<never, never>>;

/** An event with the fields that the enrichment adds. */
export type EnrichedEvent<S extends EventSchema, A extends AddsSchema> =
  & z.output<S>
  // An empty schema's output forbids every field, and would do so in the event too.
  & (string extends keyof z.output<A> ? unknown : z.output<A>);

/** What a lookup is told besides the event. */
export interface EnrichContext {
  /** Aborted when the time of this try is over, or its answer is not wanted any more. */
  readonly signal: AbortSignal;
  /** Which try for this event it is, from 1. */
  readonly attempt: number;
  /** The partition of the event's record. */
  readonly partition: number;
  /** The offset of the event's record. */
  readonly offset: number;
}

/** What becomes of an event whose lookup has failed in all its tries. */
export type EnrichFailure =
  /** It is invalid, reason `enrich`, and the partition goes on. */
  | "invalid"
  /** The partition waits at it, and tries again until it succeeds. */
  | "retry";

/** How lookups are made. */
export interface EnrichmentSetting<A extends AddsSchema> {
  /** The fields that are added. An answer that breaks the schema counts as a failure. */
  readonly adds: A;
  /**
   * How many lookups of one sweep are under way at once.
   * @default {8}
   */
  readonly concurrency?: number;
  /**
   * How long one try may take.
   * @default {"2s"}
   */
  readonly timeout?: Duration;
  /**
   * How many more tries there are after the first. All of them, with the pauses between them (0.1 s,
   * doubling to 1 s), must fit into 25 s.
   * @default {2}
   */
  readonly retries?: number;
  /**
   * What becomes of an event whose lookup has failed in all its tries.
   * @default {"retry"}
   */
  readonly onFailure?: EnrichFailure;
}

/** The enrichment of a pipeline, as a worker process carries it out. */
export interface EventEnrichment {
  /** Makes one try; it may throw, answer at once or with a promise. */
  readonly enrich: (event: FoldEvent, context: EnrichContext) => unknown;
  /** The fields that are added. */
  readonly adds: AddedFields;
  /** How many lookups of one sweep are under way at once. */
  readonly concurrency: number;
  /** How long one try may take, in ms. */
  readonly timeoutMs: number;
  /** The pauses before further tries, in ms; as many as there are such tries. */
  readonly pausesMs: readonly number[];
  /** What becomes of an event whose lookup has failed in all its tries. */
  readonly onFailure: EnrichFailure;
}

/** The pause before the second try, in ms; it doubles before each further one. */
const FIRST_PAUSE_MS = 100;
/** The longest pause, in ms. */
const LAST_PAUSE_MS = 1_000;
/**
 * The longest that all tries for one event may take, in ms. A sweep may take 30 s
 * beyond its time (`workflows/drain.ts`), and its side records are written after them.
 */
export const MAX_TRIES_MS = 25_000;

/** The pauses before further tries, in ms. */
export function pausesOf(retries: number): number[] {
  return Array.from(
    { length: retries },
    (_, i) => Math.min(FIRST_PAUSE_MS * 2 ** i, LAST_PAUSE_MS),
  );
}
