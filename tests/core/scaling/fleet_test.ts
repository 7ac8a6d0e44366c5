import assert from "node:assert/strict";
import {
  configureFleet,
  type FleetConfig,
  fleetSettings,
  type FleetSlots,
  fleetSlotsOf,
  type FleetState,
  NO_FLEET,
  overrideFleet,
  refuseBounds,
  refuseWorkers,
  sampleFleetState,
  setFleetBounds,
  standDownFleet,
} from "../../../core/scaling/fleet.ts";
import type { FleetSample } from "../../../core/scaling/state.ts";

const SLOTS: FleetSlots = fleetSlotsOf({ desired: 0, slots: [] });

function config(changes: Partial<FleetConfig> = {}): FleetConfig {
  return {
    ownerId: "a",
    min: 0,
    max: 4,
    workers: null,
    idleToZeroMs: 60_000,
    circulationMs: 2_000,
    searchAttributes: true,
    ...changes,
  };
}

function sample(atMs: number, cursor: number, end: number, ready = 0): FleetSample {
  return {
    atMs,
    partitions: [{ partition: 0, cursor, end }],
    inFlight: 0,
    workerRate: 12,
    ready,
    starting: 0,
    draining: 0,
    startupMs: null,
  };
}

const BEGUN = configureFleet(NO_FLEET, config());

Deno.test("a fleet begins with the fewest workers that are allowed", () => {
  assert.equal(BEGUN.policy.desired, 0);
  assert.equal(configureFleet(NO_FLEET, config({ min: 2 })).policy.desired, 2);
  assert.deepEqual(fleetSettings(BEGUN), {
    min: 0,
    max: 4,
    fixed: null,
    idleToZeroMs: 60_000,
    circulationMs: 2_000,
  });
});

Deno.test("a control process that starts again goes on with the number there was", () => {
  const grown = sampleFleetState(BEGUN, sample(1_000, 0, 100), SLOTS).state;
  assert.ok(grown.policy.desired > 0);
  const again = configureFleet(standDownFleet(grown, "a"), config({ ownerId: "b" }));
  assert.equal(again.policy.desired, grown.policy.desired);
});

Deno.test("what a person has set stays, unless the process was configured otherwise", () => {
  const set = overrideFleet(setFleetBounds(BEGUN, { min: 1, max: 8 }), 6);
  const same = configureFleet(set, config({ ownerId: "b" }));
  assert.deepEqual(same.bounds, { min: 1, max: 8 });
  assert.deepEqual(same.override, { workers: 6, by: "person" });
  const other = configureFleet(set, config({ max: 3 }));
  assert.deepEqual(other.bounds, { min: 0, max: 3 });
  // A number given at the start goes before, and ends with that process.
  const fixed = configureFleet(set, config({ workers: 2 }));
  assert.deepEqual(fixed.override, { workers: 2, by: "start" });
  assert.equal(configureFleet(fixed, config()).override, null);
});

Deno.test("only its own process stands a fleet down", () => {
  assert.equal(standDownFleet(BEGUN, "b"), BEGUN);
  assert.equal(standDownFleet(BEGUN, "a").config?.ownerId, null);
});

Deno.test("numbers that can't be are refused with what they must be", () => {
  assert.equal(refuseWorkers(BEGUN, 4), null);
  assert.match(refuseWorkers(BEGUN, 5) ?? "", /must be at most 4.*--max/);
  for (const workers of [-1, 1.5, NaN, 1_001]) {
    assert.match(refuseWorkers(BEGUN, workers) ?? "", /whole number from 0/);
    assert.match(refuseBounds({ min: 0, max: workers }) ?? "", /whole numbers from 0/);
  }
  assert.equal(refuseBounds({ min: 2, max: 2 }), null);
  assert.match(refuseBounds({ min: 3, max: 2 }) ?? "", /must not be the larger/);
});

Deno.test("a number that is set goes down with the bounds", () => {
  const set = overrideFleet(BEGUN, 4);
  assert.equal(setFleetBounds(set, { min: 0, max: 2 }).override?.workers, 2);
  assert.equal(setFleetBounds(set, { min: 0, max: 9 }).override?.workers, 4);
});

Deno.test("decisions that change something are kept, routine ones are not", () => {
  let state: FleetState = BEGUN;
  const see = (one: FleetSample) => state = sampleFleetState(state, one, SLOTS).state;
  see(sample(1_000, 0, 0));
  see(sample(2_000, 0, 0));
  assert.equal(state.decisions.length, 0);
  see(sample(3_000, 0, 5));
  assert.deepEqual(state.decisions.map(({ code, desired }) => [code, desired]), [["wake", 1]]);
  for (let i = 0; i < 20; i++) see(sample(4_000 + 1_000 * i, 5, 5, 1));
  assert.equal(state.decisions.length, 1);
  see({ ...sample(30_000, 5, 5, 1), partitions: [] });
  see({ ...sample(31_000, 5, 5, 1), partitions: [] });
  assert.deepEqual(state.decisions.map(({ code }) => code), ["wake", "missing-data"]);
});

Deno.test("a number that is set is had at the next sample, and so is the load's after it", () => {
  let { state } = sampleFleetState(overrideFleet(BEGUN, 3), sample(1_000, 0, 0), SLOTS);
  assert.deepEqual([state.policy.desired, state.last?.code], [3, "fixed"]);
  state = overrideFleet(state, null);
  for (let atMs = 2_000; atMs < 200_000; atMs += 2_000) {
    state = sampleFleetState(state, sample(atMs, 0, 0, 3), SLOTS).state;
  }
  assert.equal(state.policy.desired, 0);
});

Deno.test("what the workers' launcher says is kept, for people to read", () => {
  const one = { slot: 0, state: "open", restarts: 5, problem: "exit 3" } as const;
  const slots = fleetSlotsOf({ desired: 1, slots: [one] });
  assert.deepEqual(sampleFleetState(BEGUN, sample(1_000, 0, 1), slots).state.slots, slots);
});

Deno.test("workers are counted by state, and what is wrong with them is told", () => {
  const slots = ([["ready", null], ["backing off", "ended (exit 3)"], ["ready", null]] as const)
    .map(([state, problem], slot) => ({ slot, state, restarts: 1, problem }));
  assert.deepEqual(fleetSlotsOf({ desired: 3, slots }), {
    desired: 3,
    states: {
      "absent": 0,
      "starting": 0,
      "ready": 2,
      "draining": 0,
      "backing off": 1,
      "open": 0,
    },
    restarts: 3,
    problems: ["worker 1: ended (exit 3)"],
  });
});
