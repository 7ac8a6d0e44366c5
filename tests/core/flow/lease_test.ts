import assert from "node:assert/strict";
import {
  decideLease,
  type LeaseAnswer,
  type LeaseRequest,
  NO_LEASE,
  releaseLease,
  type SupervisorState,
} from "../../../core/flow/lease.ts";

const TTL = 30_000;

function ask(id: string, more: Partial<LeaseRequest> = {}): LeaseRequest {
  return {
    owner: { host: "h", pid: 1, id },
    ttlMs: TTL,
    fingerprint: { delayMs: "1" },
    newGeneration: false,
    evict: null,
    ...more,
  };
}

/** Plays requests, each at its time; answers the last state and all answers. */
function play(...requests: readonly (readonly [LeaseRequest, number])[]) {
  let state: SupervisorState = NO_LEASE;
  const answers: LeaseAnswer[] = [];
  for (const [request, nowMs] of requests) {
    const decided = decideLease(state, request, nowMs);
    state = decided.state;
    answers.push(decided.answer);
  }
  return { state, answers };
}

const granted = (generation: number) => ({ granted: true, generation });

Deno.test("the first one gets the lease and generation 1, whether or not it asks for a new one", () => {
  for (const newGeneration of [false, true]) {
    const { state, answers } = play([ask("a", { newGeneration }), 100]);
    assert.deepEqual(answers, [granted(1)]);
    assert.deepEqual(state.lease, {
      owner: { host: "h", pid: 1, id: "a" },
      sinceMs: 100,
      untilMs: 100 + TTL,
    });
  }
});

Deno.test("the holder renews it, and keeps its beginning", () => {
  const { state, answers } = play([ask("a"), 0], [ask("a"), 10_000], [ask("a"), 90_000]);
  assert.deepEqual(answers, [granted(1), granted(1), granted(1)]);
  assert.deepEqual([state.lease?.sinceMs, state.lease?.untilMs], [0, 120_000]);
});

Deno.test("a second one is refused and told who holds it, until it ends", () => {
  const { state, answers } = play([ask("a"), 0], [ask("b"), TTL - 1]);
  const refused = answers[1];
  assert.ok(refused?.granted === false && refused.code === "TG_CONTROL_RUNNING");
  assert.equal(refused.lease.owner.id, "a");
  assert.deepEqual(decideLease(state, ask("b"), TTL).answer, granted(1));
  // To ask for a new generation does not help, nor does another definition.
  for (const more of [{ newGeneration: true }, { fingerprint: { delayMs: "2" } }]) {
    const { answer } = decideLease(state, ask("b", more), 5);
    assert.equal(answer.granted === false && answer.code, "TG_CONTROL_RUNNING");
  }
});

Deno.test("a holder that is known to be dead is put out, and no other", () => {
  const { answers } = play([ask("a"), 0], [ask("c", { evict: "b" }), 1], [
    ask("b", { evict: "a" }),
    1,
  ], [ask("a"), 2]);
  assert.deepEqual(answers.map(({ granted }) => granted), [true, false, true, false]);
});

Deno.test("the lease is given back by its holder only", () => {
  const { state } = play([ask("a"), 0]);
  assert.equal(releaseLease(state, "b"), state);
  const free = releaseLease(state, "a");
  assert.equal(free.lease, null);
  assert.equal(free.generation, 1);
  assert.deepEqual(decideLease(free, ask("b"), 1).answer, granted(1));
});

Deno.test("a changed definition needs a new generation", () => {
  const other = { fingerprint: { delayMs: "2" } };
  const { state } = play([ask("a"), 0]);
  const free = releaseLease(state, "a");
  const refused = decideLease(free, ask("b", other), 1);
  assert.deepEqual(refused.answer, {
    granted: false,
    code: "TG_DEFINITION_CHANGED",
    differences: ["watermark.delay: was 1ms, is 2ms"],
  });
  assert.equal(refused.state, free);
  const renewed = decideLease(free, ask("b", { ...other, newGeneration: true }), 1);
  assert.deepEqual(renewed.answer, granted(2));
  assert.deepEqual(renewed.state.fingerprint, { delayMs: "2" });
});

Deno.test("a repeated call begins no second generation", () => {
  const fresh = ask("b", { newGeneration: true });
  const { answers } = play([ask("a"), 0], [fresh, TTL], [fresh, TTL + 5], [ask("b"), TTL + 9]);
  assert.deepEqual(answers.slice(1), [granted(2), granted(2), granted(2)]);
});
