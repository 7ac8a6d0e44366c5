/**
 * Pipelines for tests: a definition with a name and topics of its own, and short times.
 *
 * @module
 */

import type { Plan } from "../../../core/plan.ts";
import type { Pipeline } from "../../../definition/define.ts";
import { loadPipeline } from "../../../definition/load.ts";

/** What the oracle is told of an event's field; written by hand, not taken from the schema. */
export interface OracleField {
  /** What its values are. */
  readonly type: "string" | "number" | "scalar" | "time";
  /** The smallest number. */
  readonly min?: number;
  /** The largest number. */
  readonly max?: number;
}

/** The part of a definition that is code, told to the oracle in its own words. */
export interface OracleRules {
  /** The fields; all of them required, others ignored. */
  readonly fields: Readonly<Record<string, OracleField>>;
  /** The filter: events whose field has that value are left out. */
  readonly where: { readonly field: string; readonly not: unknown } | null;
}

/** A pipeline of a test. */
export interface TestPipeline extends Pipeline {
  /** The definition's file, for the worker processes. */
  readonly file: string;
  /** The definition in the oracle's words. */
  readonly oracle: OracleRules;
}

/** What the oracle is told of both pipelines with an enrichment; of what is added it knows nothing. */
const PEOPLE: OracleRules = {
  fields: { id: { type: "string" }, port: { type: "number" }, at: { type: "time" } },
  where: null,
};

const DEFINITIONS = {
  students: {
    file: new URL("../../../pipelines/cs_student_logs.ts", import.meta.url),
    oracle: {
      fields: {
        student_id: { type: "string" },
        course: { type: "string" },
        activity: { type: "string" },
        lines_of_code: { type: "number", min: 0 },
        cpu_usage_pct: { type: "number", min: 0, max: 100 },
        event_time: { type: "string" },
      },
      where: null,
    },
  },
  scalars: {
    file: new URL("scalars.ts", import.meta.url),
    oracle: {
      fields: { who: { type: "scalar" }, n: { type: "number" }, at: { type: "time" } },
      where: { field: "n", not: 13 },
    },
  },
  enriched: { file: new URL("enriched.ts", import.meta.url), oracle: PEOPLE },
  enrichedOrInvalid: { file: new URL("enriched_or_invalid.ts", import.meta.url), oracle: PEOPLE },
} as const satisfies Record<string, { file: URL; oracle: OracleRules }>;

/** The definitions that tests use. */
export type DefinitionName = keyof typeof DEFINITIONS;

/** What differs from the definition. */
export interface PipelineOverrides extends Partial<Plan> {
  /**
   * The definition.
   * @default {"students"}
   */
  readonly definition?: DefinitionName;
}

/**
 * Derives a pipeline from a definition.
 *
 * @param name Its name; its topics begin with it.
 * @param overrides What differs; without them, the times are those of the definition.
 * @returns The pipeline.
 */
export async function testPipeline(
  name: string,
  overrides: PipelineOverrides = {},
): Promise<TestPipeline> {
  const { definition = "students", ...changes } = overrides;
  const { file, oracle } = DEFINITIONS[definition];
  const pipeline = await loadPipeline(file.href);
  const plan: Plan = {
    ...pipeline.plan,
    pipeline: name,
    topic: name,
    resultsTopic: `${name}.results`,
    lateTopic: `${name}.late`,
    invalidTopic: `${name}.invalid`,
    ...changes,
  };
  return { ...pipeline, plan, file: file.href, oracle };
}
