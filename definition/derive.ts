/**
 * A pipeline derived from another one: same events and aggregates under a name and topics of its
 * own, for demos and tests that must not touch the original.
 *
 * @module
 */

import type { Plan } from "../core/plan.ts";
import type { Pipeline } from "./define.ts";

/** What may differ besides the name and the topics. */
export type PlanChanges = Partial<
  Pick<
    Plan,
    "windowing" | "delayMs" | "idleAfterMs" | "maxAheadMs" | "maxDriftMs" | "latenessMs" | "shards"
  >
>;

/**
 * Derives a pipeline.
 *
 * @param pipeline The original.
 * @param name The new name; the topics are named after it.
 * @param changes What else differs.
 * @returns The derived pipeline.
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

/**
 * All topics of a pipeline, the source included.
 *
 * @param plan The plan.
 * @returns The topic names.
 */
export function topicsOf(plan: Plan): string[] {
  return [plan.topic, plan.resultsTopic, plan.lateTopic, plan.invalidTopic];
}
