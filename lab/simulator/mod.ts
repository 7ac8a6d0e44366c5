/**
 * The simulator: the scaling policy of `core/`, and models of others, against models of load, topic
 * and workers. It is pure but for its seeded randomness: no clock, no I/O, no npm package; it may
 * import `core/` only, and is handed texts by the command. Time is counted, never waited for.
 * Begin with `run.ts` (one run), then `compare.ts` (many); a scaler is one file beside them.
 *
 * @module
 */

export * from "./chart.ts";
export * from "./compare.ts";
export * from "./hpa.ts";
export * from "./keda.ts";
export * from "./metrics.ts";
export * from "./report.ts";
export * from "./run.ts";
export * from "./scaler.ts";
export * from "./spark_allocation.ts";
export * from "./svg.ts";
export * from "./tidegate.ts";
export * from "./trace.ts";
export * from "./trace_file.ts";
