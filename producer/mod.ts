/**
 * The load: what fills a source topic. `generate.ts` makes records of a pipeline's generator, pure
 * and seeded, with late, invalid, skewed and repeated ones among them if asked for; `produce.ts`
 * sends them, `replay.ts` sends a file of one's own, `topic.ts` makes the topic, and
 * `lookup_service.ts` is a service that enrichments can ask. Begin with `produce.ts`. Talks to the
 * broker by the interfaces of `adapters/kafka/log.ts` only.
 *
 * @module
 */

export * from "./generate.ts";
export * from "./lookup_service.ts";
export * from "./produce.ts";
export * from "./replay.ts";
export type { LoadHooks, SentCounts } from "./sender.ts";
export * from "./topic.ts";
