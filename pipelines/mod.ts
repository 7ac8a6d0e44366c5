/**
 * Pipeline definitions, and what makes them: `define.ts` turns a definition into a pipeline, and is
 * the one place where zod is used; `load.ts` loads one from its file. Begin with
 * `cs_student_logs.ts`, the default, and `sensor_minutes.ts`, which uses everything else but an
 * enrichment; that is in `spike.ts`. A file of yours needs nothing but `define.ts`. May import `core/`, zod and faker; never a client library.
 *
 * @module
 */

export * from "./define.ts";
export { createFaker } from "./faker.ts";
export { loadPipeline } from "./load.ts";
