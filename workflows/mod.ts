/**
 * The deterministic room: one workflow a file, named after what it is. A workflow wires messages to
 * a plain class of `core/` and holds no logic of its own; the world is reached through `activities.ts`.
 * No clock, no I/O, no npm package but `@temporalio/workflow`. Begin with `drain.ts`.
 *
 * @module
 */

export { drain } from "./drain.ts";
export { supervisor } from "./supervisor.ts";
export { window } from "./window.ts";
