/**
 * The deterministic room: one workflow a file, named after what it is. A workflow wires messages to
 * a plain class of `core/` and holds no logic of its own; the world is reached through `activities.ts`.
 * No clock, no I/O, no npm package but `@temporalio/workflow`. Begin with
 * `drain.ts`, of the engine that the commands run; `generation_drain.ts` is that of the second one.
 *
 * @module
 */

export { clock } from "./clock.ts";
export { drain } from "./drain.ts";
export { generationDrain } from "./generation_drain.ts";
export { numberedWindow } from "./numbered_window.ts";
export { supervisor } from "./supervisor.ts";
export { window } from "./window.ts";
