/**
 * The pure room: the rules of windows, aggregates, event time, lateness, folding and accounting.
 * State in, state out: no clock, no I/O, no npm package, nothing from outside of this folder. A rule
 * lives here and nowhere else; workflows and activities only carry its inputs and outputs.
 * Begin with `windows.ts` and `fold.ts`, then `drain_state.ts`.
 *
 * @module
 */

export * from "./account.ts";
export * from "./aggregates.ts";
export * from "./busy.ts";
export * from "./close_timers.ts";
export * from "./conformance.ts";
export * from "./decode.ts";
export * from "./drain_state.ts";
export * from "./driver.ts";
export * from "./errors.ts";
export * from "./fleet.ts";
export * from "./fold.ts";
export * from "./ids.ts";
export * from "./lease.ts";
export * from "./pipeline_clock.ts";
export * from "./plan.ts";
export * from "./policy.ts";
export * from "./policy_state.ts";
export * from "./row.ts";
export * from "./slice.ts";
export * from "./slot.ts";
export * from "./slot_state.ts";
export * from "./slots.ts";
export * from "./stuck.ts";
export * from "./time.ts";
export * from "./window_state.ts";
export * from "./windows.ts";
