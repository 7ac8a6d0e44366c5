import assert from "node:assert/strict";
import { type SampleDeps, sampleFleet, tellOnce } from "../../activities/sample_fleet.ts";
import type { Fleet, WorkerSlot } from "../../adapters/launchers/launcher.ts";
import { tumbling } from "../../core/event_time/windows.ts";
import { NO_SWEEP_COUNTS } from "../../core/flow/counts.ts";
import { Drain, newDrain } from "../../core/flow/drain.ts";
import { viewOf } from "../../core/flow/view.ts";
import { NO_WAITING } from "../../core/scaling/progress.ts";
import { countSlots } from "../../core/scaling/slots.ts";
import { decide } from "../../core/scaling/policy.ts";
import { DEFAULT_POLICY, newPolicyState } from "../../core/scaling/state.ts";
import { LoadModel } from "../../processes/control/load.ts";
import type { SampleRequest } from "../../workflows/activities.ts";

function slot(
  number: number,
  state: WorkerSlot["state"],
  problem: string | null = null,
): WorkerSlot {
  return { slot: number, state, pid: null, identity: null, restarts: 1, problem };
}

function fleet(desired: number, slots: readonly WorkerSlot[] = []): Fleet {
  return { desired, slots, times: { startupMs: 700, drainMs: null } };
}

/** Looks that go on from a number of workers. */
function looksAt(desired: number): SampleRequest["looks"] {
  return { policy: newPolicyState(desired), progress: NO_WAITING, everyMs: 10_000 };
}

const ASLEEP: SampleRequest = {
  looks: looksAt(0),
  settings: DEFAULT_POLICY,
  last: null,
  withinMs: 5_000,
};

/** One partition of which all is read up to offset 3, and a clock that only delays move. */
function world(of: Fleet) {
  const state = { nowMs: 10_000, delays: [] as number[], beats: 0, end: 3, brokerAway: false };
  const load = new LoadModel({
    ends: () =>
      state.brokerAway
        ? Promise.reject(new Error("unreachable"))
        : Promise.resolve(new Map([[0, state.end]])),
    now: () => state.nowMs,
    broker: () => undefined,
  });
  const drain = new Drain({
    ...{ generation: 1, topic: "t", topicId: null, windowing: tumbling(10_000), delayMs: 0 },
    ...{ latenessMs: 0, idleAfterMs: 1_000, maxDriftMs: 1e9, paceMs: 5_000, sliceMs: 1_000 },
    ...{ maxOpenWindows: 100, aggregates: [], deliverEveryMs: null, emitEveryMs: null },
  }, newDrain([{ partition: 0, cursor: 3 }], "code"));
  /** The drain decides; answers the number of the sweep that it begins. */
  const drained = (): number | undefined => {
    drain.decide(state.nowMs, { events: 0, bytes: 0, suggested: false });
    load.drained(viewOf(drain));
    return drain.sweeps.at(-1)?.n;
  };
  let looking = drained();
  /** A record is there: the look of the control process answers. */
  const found = () => {
    assert.ok(looking !== undefined);
    state.end += 1;
    drain.swept({
      ...{ n: looking, codeHash: "code", why: "record", windows: [], ranMs: 10, busyMs: 0 },
      ...{ attempt: 1, worker: "control", topicPartitions: 1 },
      partitions: [{
        ...{ partition: 0, from: 3, to: 3, end: state.end, highWatermark: state.end },
        ...{ maxEventTime: null, firstEventTime: null, counts: NO_SWEEP_COUNTS, found: true },
        ...{ looked: { confirmedMs: 0, moved: false }, hollow: false, openTransaction: null },
        ...{ leaderEpoch: null, last: null, failure: null },
      }],
    });
    looking = drained();
  };
  /** The drain hears of the workers. */
  const ready = (slots: number) => {
    drain.ready(slots);
    looking = drained();
  };
  const abort = new AbortController();
  const decisions: string[] = [];
  const deps: SampleDeps = {
    load,
    fleet: of,
    now: () => state.nowMs,
    delay: (ms) => {
      state.delays.push(ms);
      state.nowMs += ms;
      return Promise.resolve();
    },
    heartbeat: () => state.beats += 1,
    decided: ({ code }) => void decisions.push(code),
    signal: abort.signal,
  };
  return { state, load, deps, abort, found, ready, decisions };
}

Deno.test("with nothing to tell it looks as long as it is asked to", async () => {
  const { deps, state } = world(fleet(0));
  const { sample, slots } = await sampleFleet(deps, ASLEEP);
  assert.deepEqual(state.delays, [5_000]);
  assert.deepEqual(sample, {
    atMs: 15_000,
    partitions: [{ partition: 0, cursor: 3, end: 3 }],
    inFlight: 0,
    workerRate: null,
    ready: 0,
    starting: 0,
    draining: 0,
    startupMs: 700,
  });
  assert.deepEqual(slots, { desired: 0, states: countSlots([]), restarts: 0, problems: [] });
});

Deno.test("the first record ends the look", async () => {
  const { deps, found, state } = world(fleet(0));
  const quiet = { ...deps, delay: () => new Promise<void>(() => undefined) };
  const looking = sampleFleet(quiet, ASLEEP);
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  found();
  const { sample } = await looking;
  assert.deepEqual(sample.partitions, [{ partition: 0, cursor: 3, end: 4 }]);
  // No worker is at it yet.
  assert.equal(sample.inFlight, 0);
  assert.equal(state.nowMs, 10_000);
});

Deno.test("a launcher that does not know the number yet ends it at once", async () => {
  const { deps, state } = world(fleet(0));
  const { slots } = await sampleFleet(deps, { ...ASLEEP, looks: looksAt(2) });
  assert.deepEqual([slots.desired, state.delays], [0, []]);
});

Deno.test("while something goes on it looks four times a second", async () => {
  const { deps, found, ready, state } = world(fleet(1, [slot(0, "ready")]));
  found();
  ready(1);
  const { sample } = await sampleFleet(deps, {
    ...ASLEEP,
    looks: looksAt(1),
    withinMs: 600,
  });
  assert.deepEqual(state.delays, [250, 250, 100]);
  assert.equal(state.beats, 4);
  assert.equal(sample.ready, 1);
  assert.equal(sample.inFlight, 1);
});

Deno.test("while the broker is away the fleet does not go to 0", async () => {
  const { deps, state } = world(fleet(1, [slot(0, "ready")]));
  let looks = looksAt(1);
  /** What is decided in some seconds, without repetitions. */
  const decided = async (seconds: number) => {
    const decisions: string[] = [];
    const take = ({ desired, code }: { readonly desired: number; readonly code: string }) =>
      void decisions.push(`${desired} ${code}`);
    for (
      const untilMs = state.nowMs + seconds * 1_000;
      state.nowMs < untilMs && looks.policy.desired > 0;
    ) {
      const request = { ...ASLEEP, looks, withinMs: 90_000 };
      const withinMs = Math.min(request.withinMs, untilMs - state.nowMs);
      const answer = await sampleFleet({ ...deps, decided: take }, { ...request, withinMs });
      const { state: policy, decision } = decide(
        answer.looks.policy,
        answer.sample,
        DEFAULT_POLICY,
      );
      looks = { ...answer.looks, policy, everyMs: decision.sampleWithinMs };
      take(decision);
    }
    return decisions.filter((one, i) => one !== decisions[i - 1]);
  };
  assert.deepEqual(await decided(40), ["1 rate-unknown"]);
  state.brokerAway = true;
  // A topic at rest is asked every 5 s: by then it is noticed.
  assert.deepEqual((await decided(6)).at(-1), "1 missing-data");
  assert.deepEqual(await decided(300), ["1 missing-data"]);
  state.brokerAway = false;
  // The rest begins again: what was in the outage is not known.
  assert.deepEqual(await decided(50), ["1 rate-unknown"]);
  assert.deepEqual(await decided(15), ["1 rate-unknown", "0 to-zero"]);
});

Deno.test("a clock that was set back does not make the sample an old one", async () => {
  const { deps } = world(fleet(0));
  const looks = { ...ASLEEP.looks, policy: { ...newPolicyState(0), atMs: 99_000 } };
  const { sample } = await sampleFleet(deps, { ...ASLEEP, looks });
  assert.equal(sample.atMs, 99_001);
});

Deno.test("it ends when it is told to", async () => {
  const { deps, abort } = world(fleet(0));
  abort.abort(new Error("over"));
  await assert.rejects(sampleFleet(deps, ASLEEP), /over/);
});

Deno.test("a decision that comes with every look is told once", () => {
  const told: number[] = [];
  const tell = tellOnce(({ atMs }: { readonly atMs: number }) => told.push(atMs));
  for (const atMs of [1, 1, 3, 3]) {
    tell(null);
    tell({ atMs });
  }
  assert.deepEqual(told, [1, 3]);
});

Deno.test("looks that change nothing are taken in on the way, at the policy's pace", async () => {
  const { deps, ready, decisions, state } = world(fleet(1, [slot(0, "ready")]));
  ready(1);
  const beganMs = state.nowMs;
  const request = { ...ASLEEP, looks: looksAt(1), withinMs: 30_000 };
  const { looks, sample } = await sampleFleet(deps, request);
  assert.equal(state.nowMs - beganMs, 30_000);
  // The first at once, the next after 3 s each while nothing goes on.
  assert.ok(decisions.length >= 9 && decisions.length <= 11, decisions.join());
  assert.ok(looks.policy.atMs !== null && looks.policy.atMs < sample.atMs);
  assert.equal(looks.policy.desired, 1);
});
