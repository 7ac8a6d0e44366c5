/**
 * What a pipeline's definition and its test import.
 *
 * @module
 */

export {
  avg,
  count,
  definePipeline,
  hopping,
  max,
  min,
  sum,
  tumbling,
} from "./definition/define.ts";
export type * from "./definition/define.ts";
export { createFaker } from "./definition/faker.ts";
export * from "./definition/testing/run_pipeline.ts";
