/**
 * Brings up a Kafka-API broker and a Temporal server on a machine that has none.
 *
 * Here lives everything about local servers: finding them (`find*.ts`), building them once
 * (`build.ts`, `*_build.ts`, versions in `pins.ts`), configuring and starting them (`*_server.ts`,
 * `launch.ts`), remembering and stopping them (`state.ts`, `process.ts`). No client library is used
 * here: readiness is a few bytes written by hand (`probe_*.ts`). Nothing else may live here; this
 * room imports only `core/errors.ts`. Begin reading at `stack_up.ts`.
 *
 * @module
 */
export * from "./stack_down.ts";
export * from "./stack_status.ts";
export * from "./stack_up.ts";
export * from "./types.ts";
