/**
 * What a pipeline's definition and its test import.
 *
 * @module
 */

export * from "./definition/define.ts";
export { createFaker } from "./definition/faker.ts";
export * from "./definition/testing/run_pipeline.ts";
