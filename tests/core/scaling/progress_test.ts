import assert from "node:assert/strict";
import type { FleetSample } from "../../../core/scaling/state.ts";
import {
  followProgress,
  LEFT_BEHIND_AFTER_MS,
  NO_PROGRESS_AFTER_MS,
  NO_WAITING,
  type ProgressState,
} from "../../../core/scaling/progress.ts";

/** `[cursor, end]` of each partition. */
type Look = readonly (readonly [cursor: number | null, end: number | null])[];

function sample(atMs: number, look: Look, ready = 1): FleetSample {
  const partitions = look.map(([cursor, end], partition) => ({ partition, cursor, end }));
  return {
    atMs,
    partitions,
    inFlight: 0,
    workerRate: null,
    ready,
    starting: 0,
    draining: 0,
    startupMs: null,
  };
}

function looks(all: readonly FleetSample[], state: ProgressState = NO_WAITING) {
  let found = followProgress(state, sample(0, []));
  for (const one of all) found = followProgress(found.state, one);
  return found;
}

Deno.test("workers are replaced once, then people are told", () => {
  const still: Look = [[5, 9], [3, 3]];
  let found = looks([sample(1_000, still), sample(NO_PROGRESS_AFTER_MS, still)]);
  assert.deepEqual(found.replace, []);
  found = followProgress(found.state, sample(1_000 + NO_PROGRESS_AFTER_MS, still));
  assert.deepEqual(found.replace, [0]);
  assert.deepEqual(found.noProgress, []);
  found = followProgress(found.state, sample(2_000 + NO_PROGRESS_AFTER_MS, still));
  assert.deepEqual(found.replace, []);
  found = followProgress(found.state, sample(1_000 + 2 * NO_PROGRESS_AFTER_MS, still));
  assert.deepEqual(found.replace, []);
  assert.deepEqual(found.noProgress.map(({ partition, cursor }) => [partition, cursor]), [[0, 5]]);
  // It gets on: all is forgotten.
  found = followProgress(found.state, sample(2_000 + 2 * NO_PROGRESS_AFTER_MS, [[6, 9], [3, 3]]));
  assert.deepEqual([found.replace, found.noProgress], [[], []]);
});

Deno.test("who waits for a turn counts as progressing as long as another gets on", () => {
  const found = looks(
    Array.from({ length: 60 }, (_, i) => sample(1_000 * i, [[5, 9], [i, 100], [7, 8]])),
  );
  assert.deepEqual([found.replace, found.noProgress], [[], []]);
});

Deno.test("a partition that is left behind for long is told, but nobody is replaced", () => {
  const seconds = LEFT_BEHIND_AFTER_MS / 1_000 + 2;
  const found = looks(
    Array.from({ length: seconds }, (_, i) => sample(1_000 * i, [[5, 9], [i, 9_999]])),
  );
  assert.deepEqual(found.replace, []);
  assert.deepEqual(found.noProgress.map(({ partition }) => partition), [0]);
});

Deno.test("without a worker that is ready nothing counts as without progress", () => {
  const still: Look = [[5, 9]];
  let found = looks([sample(1_000, still, 0), sample(40_000, still, 0)]);
  assert.deepEqual(found.replace, []);
  // The time runs from when there is one.
  found = followProgress(found.state, sample(41_000, still));
  found = followProgress(found.state, sample(40_000 + NO_PROGRESS_AFTER_MS - 1, still));
  assert.deepEqual(found.replace, []);
  found = followProgress(found.state, sample(41_000 + NO_PROGRESS_AFTER_MS, still));
  assert.deepEqual(found.replace, [0]);
});

Deno.test("what can't be seen does not count", () => {
  const unknown: Look = [[5, null], [null, 9]];
  const found = looks([sample(1_000, unknown), sample(90_000, unknown)]);
  assert.deepEqual([found.replace, found.noProgress, found.state.waiting], [[], [], []]);
});
