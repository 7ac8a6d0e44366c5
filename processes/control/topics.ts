/**
 * The topics of a pipeline: the source and its partitions, and those that it writes to.
 *
 * @module
 */

import type { LogAdmin, LogReader, TopicInfo } from "../../adapters/kafka/log.ts";
import type { PipelineClient } from "../../adapters/temporal/pipeline_client.ts";
import { TidegateError } from "../../core/errors.ts";
import { paceOf } from "../../core/flow/pacing.ts";
import { type Plan, runPlanOf, type StartPosition } from "../../core/plan.ts";

/**
 * Looks at the source topic.
 *
 * @throws {TidegateError} `TG_TOPIC_MISSING`
 */
export async function sourceTopic(reader: LogReader, topic: string): Promise<TopicInfo> {
  const info = await reader.describe(topic);
  if (info !== null) return info;
  throw new TidegateError("TG_TOPIC_MISSING", `Source topic ${topic} does not exist`, {
    next: "Correct its name, or let deno task replay FILE make it of your data, or " +
      "deno task produce of generated events.",
  });
}

/** Makes the topics that a pipeline writes to, where they are missing. */
export async function makeOutputTopics(admin: LogAdmin, plan: Plan): Promise<void> {
  const side = { "cleanup.policy": "compact,delete" };
  await admin.createTopics([
    { topic: plan.resultsTopic, partitions: 1, config: { "cleanup.policy": "compact" } },
    { topic: plan.lateTopic, partitions: 1, config: side },
    { topic: plan.invalidTopic, partitions: 1, config: side },
  ]);
}

/**
 * Says so where the topic has the producers' own timestamps: with them, `maxAhead` compares a wrong
 * clock with itself.
 */
export async function warnOfCreateTime(
  admin: LogAdmin,
  topic: string,
  say: (line: string) => void,
): Promise<void> {
  const config = await admin.topicConfig(topic);
  if (config["message.timestamp.type"] === "LogAppendTime") return;
  say(
    `topic ${topic} has CreateTime timestamps: watermark.maxAhead can't see a wrong producer clock ` +
      "(set message.timestamp.type=LogAppendTime on the topic to let it)",
  );
}

/** What the drains of a generation are started with. */
export interface DrainsOptions {
  /** The pipeline's plan. */
  readonly plan: Plan;
  /** Where the generation begins. */
  readonly from: StartPosition;
  /** Whether to go live, or to drain up to the present ends of the log. */
  readonly mode: "live" | "drain";
  /** The pace while caught up, in ms. */
  readonly paceMs: number;
  /** The time budget of a slice, in ms. */
  readonly sliceMs: number;
  /** The generation of the pipeline's state. */
  readonly generation: number;
  /** Whether the server knows Tidegate's search attributes. */
  readonly searchAttributes: boolean;
  /** The topic as it was at the start. */
  readonly topic: TopicInfo;
  /** The pipeline's workflows. */
  readonly workflows: PipelineClient;
  /** The log. */
  readonly reader: LogReader;
  /** Receives log lines. */
  readonly say: (line: string) => void;
}

/** Starts the drains of a generation, and those of partitions that come later. */
export class Drains {
  readonly #options: DrainsOptions;
  readonly #known = new Set<number>();

  /** Begins with none started. */
  constructor(options: DrainsOptions) {
    this.#options = options;
  }

  /** The partitions being drained. */
  get partitions(): readonly number[] {
    return [...this.#known].sort((a, b) => a - b);
  }

  /** Starts the drains of some partitions. */
  async start(partitions: readonly number[]): Promise<void> {
    await Promise.all(partitions.map((partition) => this.#startOne(partition)));
  }

  /** Looks whether there are new partitions, and drains them from their beginning. */
  async refresh(): Promise<void> {
    const { reader, topic, say } = this.#options;
    const info = await reader.describe(topic.topic);
    const added = (info?.partitions ?? []).filter((partition) => !this.#known.has(partition));
    if (added.length > 0) say(`new partitions: ${added.join(", ")}`);
    await this.start(added);
  }

  async #startOne(partition: number): Promise<void> {
    const { plan, generation, searchAttributes, workflows, reader, topic, ...rest } = this.#options;
    const { start, end } = await reader.offsets(plan.topic, partition);
    const until = rest.mode === "live" ? null : end;
    const added = this.#known.size > 0 && !topic.partitions.includes(partition);
    const started = await workflows.startDrain({
      plan: runPlanOf(plan),
      generation,
      topicId: topic.topicId,
      paceMs: paceOf(rest.paceMs, topic.partitions.length),
      sliceMs: rest.sliceMs,
      searchAttributes,
      partition,
      from: added ? start : await this.#from(partition, start, end),
      until,
    });
    this.#known.add(partition);
    if (started) return;
    const view = await workflows.drain(generation, partition);
    if (view.cursor > end && view.mode !== "stopped" && view.mode !== "excluded") {
      const message = `the cursor ${view.cursor} is beyond the end ${end} of ${plan.topic}`;
      return await workflows.stop(generation, partition, "TG_OFFSET_GONE", message);
    }
    if (view.until !== until) await workflows.bound(generation, partition, until);
  }

  async #from(partition: number, start: number, end: number): Promise<number> {
    const { plan, from, reader } = this.#options;
    if (from === "earliest") return start;
    return from === "latest" ? end : await reader.offsetAt(plan.topic, partition, from);
  }
}
