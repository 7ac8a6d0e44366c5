import assert from "node:assert/strict";
import { scaleFleet } from "../../activities/scale_fleet.ts";
import type { Launcher, WorkerSlot } from "../../adapters/launchers/launcher.ts";

/** A launcher that writes down what it is told. */
function launcher(states: readonly WorkerSlot["state"][]) {
  const told: string[] = [];
  const slots = states.map((state, slot): WorkerSlot => ({
    slot,
    state,
    pid: 100 + slot,
    identity: `w${slot}`,
    restarts: 0,
    problem: null,
  }));
  const it: Launcher = {
    desired: 0,
    slots,
    times: { startupMs: null, drainMs: null },
    want: (desired) => void told.push(`want ${desired}`),
    replace: (slot) => told.push(`replace ${slot}`) > 0,
    stop: () => Promise.resolve(),
  };
  return { told, it };
}

Deno.test("the number is told to the launcher", async () => {
  const { told, it } = launcher([]);
  await scaleFleet({ launcher: it, slice: () => assert.fail() }, { desired: 3, replace: [] });
  assert.deepEqual(told, ["want 3"]);
});

Deno.test("who holds the slice of a partition without progress is replaced", async () => {
  const { told, it } = launcher(["ready", "ready", "starting"]);
  const slice = (partition: number) =>
    Promise.resolve({ holder: partition === 5 ? "w1" : "w2", failure: null });
  await scaleFleet({ launcher: it, slice }, { desired: 3, replace: [5, 6] });
  assert.deepEqual(told, ["want 3", "replace 1"]);
});

Deno.test("where nobody holds the slice, all that could have taken it are replaced", async () => {
  const { told, it } = launcher(["ready", "draining", "ready"]);
  const slice = () => Promise.resolve({ holder: null, failure: null });
  await scaleFleet({ launcher: it, slice }, { desired: 2, replace: [0] });
  assert.deepEqual(told, ["want 2", "replace 0", "replace 2"]);
});

Deno.test("nobody is replaced for a slice that fails by itself, or that is not there", async () => {
  const { told, it } = launcher(["ready", "ready"]);
  const slice = (partition: number) =>
    Promise.resolve(partition === 0 ? { holder: "w0", failure: "TG_ENRICH_FAILED: away" } : null);
  await scaleFleet({ launcher: it, slice }, { desired: 2, replace: [0, 1] });
  assert.deepEqual(told, ["want 2"]);
});
