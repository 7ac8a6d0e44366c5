/**
 * A parent of workers that a test kills: prints their process ids once all are ready.
 *
 * @module
 */

import { createProcessLauncher } from "../../../adapters/launchers/process.ts";
import { child } from "./_trial.ts";

if (import.meta.main) {
  const launcher = createProcessLauncher({
    ...child(Deno.args[0] === "deaf" ? "deaf" : "well"),
    input: "settings",
    name: "parent",
    say: () => undefined,
    onExit: () => undefined,
    onChange: () => {
      const { slots } = launcher;
      if (slots.length < 3 || slots.some(({ state }) => state !== "ready")) return;
      console.log(JSON.stringify(slots.map(({ pid }) => pid)));
    },
  });
  launcher.want(3);
}
