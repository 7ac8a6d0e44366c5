/**
 * What a load test comes to: phases, what was recorded, when a phase has passed, delays, reaction
 * times, cost, and the report in text, as a page and live. Pure, without clock and I/O; may import
 * `core/` and `simulator/` only. The test itself is run by `commands/spike.ts`. Begin with
 * `phases.ts`, then `judge.ts`.
 *
 * @module
 */

export * from "./compare_rows.ts";
export * from "./cost.ts";
export * from "./delays.ts";
export * from "./frame.ts";
export * from "./judge.ts";
export * from "./page.ts";
export * from "./phases.ts";
export * from "./reaction.ts";
export * from "./report.ts";
export * from "./table.ts";
export * from "./timeline.ts";
