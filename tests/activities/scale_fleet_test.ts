import assert from "node:assert/strict";
import { type HeldSweep, scaleFleet } from "../../activities/scale_fleet.ts";
import type { Launcher, WorkerSlot } from "../../adapters/launchers/launcher.ts";

/** A launcher and a drain that write down what they are told. */
function fleetOf(
  states: readonly WorkerSlot["state"][],
  sweeps: Readonly<Record<number, HeldSweep | null>> = {},
) {
  const told: string[] = [];
  const launcher: Pick<Launcher, "slots" | "replace"> = {
    slots: states.map((state, slot): WorkerSlot => ({
      slot,
      state,
      pid: 100 + slot,
      identity: `w${slot}`,
      restarts: 0,
      problem: null,
    })),
    replace: (slot) => told.push(`replace ${slot}`) > 0,
  };
  const want = (desired: number) => {
    told.push(`want ${desired}`);
    return Promise.resolve();
  };
  const sweepOf = (partition: number) => {
    told.push(`ask ${partition}`);
    return Promise.resolve(sweeps[partition] ?? null);
  };
  return { told, deps: { launcher, want, sweepOf } };
}

Deno.test("the number is set, and nobody is asked where all make progress", async () => {
  const { told, deps } = fleetOf(["ready"]);
  await scaleFleet(deps, { desired: 3, replace: [] });
  assert.deepEqual(told, ["want 3"]);
});

Deno.test("nobody is replaced before the number can be what it is to be", async () => {
  const { told, deps } = fleetOf(["ready"], { 0: { holder: "w0", failure: null } });
  const clear = Promise.withResolvers<void>();
  const scaling = scaleFleet({ ...deps, want: () => clear.promise }, { desired: 0, replace: [0] });
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  assert.deepEqual(told, []);
  clear.resolve();
  await scaling;
  assert.deepEqual(told, ["ask 0", "replace 0"]);
});

Deno.test("who holds the sweep of a partition without progress is replaced", async () => {
  const sweeps = { 5: { holder: "w1", failure: null }, 6: { holder: "w2", failure: null } };
  const { told, deps } = fleetOf(["ready", "ready", "starting"], sweeps);
  await scaleFleet(deps, { desired: 3, replace: [5, 6] });
  assert.deepEqual(told, ["want 3", "ask 5", "ask 6", "replace 1"]);
});

Deno.test("where nobody holds the sweep, all that could have taken it are replaced", async () => {
  const sweeps = { 0: { holder: null, failure: null } };
  const { told, deps } = fleetOf(["ready", "draining", "ready"], sweeps);
  await scaleFleet(deps, { desired: 2, replace: [0] });
  assert.deepEqual(told, ["want 2", "ask 0", "replace 0", "replace 2"]);
});

Deno.test("nobody is replaced for a sweep that fails by itself, or that is not there", async () => {
  const sweeps = { 0: { holder: "w0", failure: "TG_ENRICH_FAILED: away" } };
  const { told, deps } = fleetOf(["ready", "ready"], sweeps);
  await scaleFleet(deps, { desired: 2, replace: [0, 1] });
  assert.deepEqual(told, ["want 2", "ask 0", "ask 1"]);
});
