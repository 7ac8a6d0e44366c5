import assert from "node:assert/strict";
import { reactionOf } from "../../../lab/load_test/reaction.ts";
import { decided, POINTS, span } from "./_run.ts";

const spike = span("spike", 45, 105, 4);

Deno.test("reaction: from the step, from the first pressure, and from the decision", () => {
  const decisions = [
    decided(20, "pressure", 1, 1),
    decided(45.5, "pressure", 1, 1),
    decided(46.25, "up-arrival", 1, 4),
    decided(130, "down", 4, 1),
  ];
  assert.deepEqual(reactionOf({ points: POINTS, spike, decisions, wakeMs: 900 }), {
    stepToSpawnMs: 1_500,
    seenToSpawnMs: 1_000,
    decisionToReadyMs: 1_750,
    wakeMs: 900,
  });
});

Deno.test("reaction: without pressure before it, a decision is the first sign", () => {
  const decisions = [decided(46.25, "up-lag", 1, 4)];
  const { seenToSpawnMs } = reactionOf({ points: POINTS, spike, decisions, wakeMs: null });
  assert.equal(seenToSpawnMs, 250);
});

Deno.test("reaction: what did not happen has no figure", () => {
  const none = {
    stepToSpawnMs: null,
    seenToSpawnMs: null,
    decisionToReadyMs: null,
    wakeMs: null,
  };
  const source = { points: POINTS.slice(0, 3), decisions: [], wakeMs: null };
  assert.deepEqual(reactionOf({ ...source, spike }), none);
  assert.deepEqual(reactionOf({ ...source, spike: null }), none);
});
