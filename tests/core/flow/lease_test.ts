import assert from "node:assert/strict";
import type { StartPosition } from "../../../core/plan.ts";
import {
  controlRunning,
  decideLease,
  type LeaseAnswer,
  type LeaseRequest,
  lifeOf,
  NO_LEASE,
  type Owner,
  releaseLease,
  renewLease,
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

const granted = (generation: number, from: StartPosition = "earliest") => (
  { granted: true, generation, from }
);

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

/** A request with the code of that hash, which is one file beside the rules. */
function askWith(id: string, hash: string, more: Partial<LeaseRequest> = {}): LeaseRequest {
  const code = { hash, files: [["core/plan.ts", "1"], ["./main.ts", hash]] as const };
  return ask(id, { code, ...more });
}

Deno.test("the first code of a generation is accepted, and told with the lease", () => {
  const { state, answers } = play([askWith("a", "x"), 100]);
  assert.deepEqual(answers, [granted(1)]);
  assert.deepEqual(state.code?.accepted, [{ hash: "x", by: "1@h", atMs: 100, why: "first" }]);
  assert.equal(state.lease?.codeHash, "x");
  // A generation from before code was told takes the first that comes.
  const { state: told } = play([ask("a"), 0], [askWith("b", "y"), TTL]);
  assert.deepEqual(told.code?.accepted, [{ hash: "y", by: "1@h", atMs: TTL, why: "first" }]);
});

Deno.test("other code is refused with its files, until a person says that it means the same", () => {
  const { state, answers } = play([askWith("a", "x"), 0], [askWith("b", "y"), TTL]);
  assert.deepEqual(answers[1], {
    granted: false,
    code: "TG_DEFINITION_CHANGED",
    differences: ["./main.ts: has changed"],
    sameMeaningHelps: true,
  });
  const said = decideLease(state, askWith("b", "y", { sameMeaning: true }), TTL);
  assert.deepEqual(said.answer, granted(1));
  assert.deepEqual(said.state.code?.accepted, [
    { hash: "x", by: "1@h", atMs: 0, why: "first" },
    { hash: "y", by: "1@h", atMs: TTL, why: "same-meaning" },
  ]);
  // Both may go on from now on, and what differs is told from the last.
  for (const hash of ["x", "y"]) {
    const again = decideLease(said.state, askWith("c", hash), 2 * TTL);
    assert.deepEqual(again.answer, granted(1));
    assert.deepEqual(again.state.code, said.state.code);
    assert.equal(again.state.lease?.codeHash, hash);
  }
  const third = decideLease(said.state, {
    ...askWith("c", "z"),
    code: { hash: "z", files: [["./main.ts", "y"], ["./new.ts", "1"]] },
  }, 2 * TTL);
  assert.deepEqual(
    third.answer.granted === false && "differences" in third.answer &&
      third.answer.differences,
    ["./new.ts: is new", "core/plan.ts: is gone"],
  );
});

Deno.test("to say that it means the same changes no settings, and excuses no request without code", () => {
  const { state } = play([askWith("a", "x"), 0]);
  const other = { fingerprint: { delayMs: "2" }, sameMeaning: true };
  const free = releaseLease(state, "a");
  const refused = decideLease(free, askWith("b", "y", other), 1);
  assert.deepEqual(refused.answer, {
    granted: false,
    code: "TG_DEFINITION_CHANGED",
    differences: ["watermark.delay: was 1ms, is 2ms", "./main.ts: has changed"],
    sameMeaningHelps: false,
  });
  assert.equal(refused.state, free);
  // The same code under other settings: derived by other options.
  assert.equal(decideLease(free, askWith("b", "x", other), 1).answer.granted, false);
  assert.equal(decideLease(free, ask("b", other), 1).answer.granted, false);
});

Deno.test("the text of a filter is code: it may differ and mean the same", () => {
  const where = (text: string) => ({ fingerprint: { where: JSON.stringify(text) } });
  const { state } = play([askWith("a", "x", where("(e) => e.v > 1")), 0]);
  const free = releaseLease(state, "a");
  const changed = askWith("b", "y", where("(e) => 1 < e.v"));
  const refused = decideLease(free, changed, 1).answer;
  assert.deepEqual(refused, {
    granted: false,
    code: "TG_DEFINITION_CHANGED",
    differences: ["where: was (e) => e.v > 1, is (e) => 1 < e.v", "./main.ts: has changed"],
    sameMeaningHelps: true,
  });
  const said = decideLease(free, { ...changed, sameMeaning: true }, 1);
  assert.deepEqual(said.answer, granted(1));
  // The one before is accepted as before, text and all.
  const back = decideLease(
    releaseLease(said.state, "b"),
    askWith("c", "x", {
      fingerprint: state.fingerprint ?? {},
    }),
    2,
  );
  assert.deepEqual(back.answer, granted(1));
});

Deno.test("a new generation begins with its own code alone", () => {
  const { state, answers } = play(
    [askWith("a", "x"), 0],
    [askWith("b", "y", { newGeneration: true }), TTL],
    [askWith("b", "y", { newGeneration: true }), TTL + 1],
  );
  assert.deepEqual(answers.slice(1), [granted(2), granted(2)]);
  assert.deepEqual(state.code?.accepted.map(({ hash, why }) => [hash, why]), [["y", "first"]]);
  const old = decideLease(state, askWith("c", "x"), 3 * TTL).answer;
  assert.equal(old.granted === false && old.code, "TG_DEFINITION_CHANGED");
});

Deno.test("what is kept of accepted code has a bound, and so has a refusal", () => {
  let state: SupervisorState = NO_LEASE;
  for (let n = 0; n < 250; n++) {
    const request = askWith("a", `x${n}`, { sameMeaning: true });
    state = decideLease(state, request, n).state;
  }
  const hashes = state.code?.accepted.map(({ hash }) => hash) ?? [];
  assert.deepEqual([hashes.length, hashes[0], hashes[1], hashes.at(-1)], [
    100,
    "x0",
    "x151",
    "x249",
  ]);
  const files = Array.from({ length: 60 }, (_, n) => [`${n}.ts`, "1"] as const);
  const { answer } = decideLease(state, ask("a", { code: { hash: "y", files } }), 300);
  const lines = answer.granted === false && "differences" in answer ? answer.differences : [];
  assert.deepEqual([lines.length, lines.at(-1)], [21, "and 42 more files"]);
  // Other code with the same files: more of them than a list has.
  const hidden = { hash: "z", files: state.code?.files ?? [] };
  const other = decideLease(state, ask("a", { code: hidden }), 300).answer;
  assert.deepEqual(other.granted === false && "differences" in other && other.differences, [
    "the code has changed",
  ]);
});

Deno.test("a number is never used twice: a lost supervisor goes on after all that is known", () => {
  assert.deepEqual(play([ask("a", { used: 5 }), 0]).answers, [granted(6)]);
  const { answers } = play(
    [ask("a"), 0],
    [ask("b", { used: 7, newGeneration: true }), TTL],
    [ask("c", { used: 3, newGeneration: true }), 2 * TTL],
  );
  assert.deepEqual(answers, [granted(1), granted(8), granted(9)]);
});

Deno.test("a renewal keeps the lease and all else", () => {
  const { state } = play([askWith("a", "x"), 0]);
  const renewal = { ownerId: "a", generation: 1, ttlMs: TTL };
  const renewed = renewLease(state, renewal, 10_000);
  assert.deepEqual(renewed.answer, { granted: true });
  assert.deepEqual(renewed.state, {
    ...state,
    lease: { ...state.lease, untilMs: 10_000 + TTL },
  });
  // Late, but nobody else has come.
  assert.deepEqual(renewLease(state, renewal, 10 * TTL).answer, { granted: true });
});

Deno.test("a renewal begins nothing: whom the supervisor does not know has lost the lease", () => {
  const { state } = play([ask("a"), 0]);
  const lost = { granted: false, code: "TG_CONTROL_LOST" };
  const unknown: [SupervisorState, string, number][] = [
    // The supervisor was ended, and has begun anew.
    [NO_LEASE, "a", 5],
    [state, "b", 1],
    [releaseLease(state, "a"), "a", 1],
    // Of another generation: somebody has begun one by the same id.
    [state, "a", 2],
  ];
  for (const [before, ownerId, generation] of unknown) {
    const { state: after, answer } = renewLease(before, { ownerId, generation, ttlMs: TTL }, 1);
    assert.deepEqual(answer, lost);
    assert.equal(after, before);
  }
});

Deno.test("who may be known to be dead: one whose process number counts here", () => {
  const holder: Owner = { host: "h", pid: 7, id: "a", bootId: "boot pid:[1]" };
  const asker = { ...holder, pid: 8, id: "b" };
  assert.equal(lifeOf(holder, asker), "by-pid");
  assert.equal(lifeOf(holder, { ...asker, host: "renamed" }), "by-pid");
  // We have its number, so it has none.
  assert.equal(lifeOf(holder, { ...asker, pid: 7 }), "dead");
  assert.equal(lifeOf(holder, holder), "by-pid");
  // Another container or boot of the same name: the number is somebody else's there.
  for (const bootId of ["boot pid:[2]", "other pid:[1]"]) {
    assert.equal(lifeOf(holder, { ...asker, bootId }), "unknown");
    assert.equal(lifeOf(holder, { ...asker, pid: 7, bootId }), "unknown");
  }
  const { bootId: _, ...old } = holder;
  assert.equal(lifeOf(old, asker), "by-pid");
  assert.equal(lifeOf(old, { ...asker, host: "other" }), "unknown");
});

Deno.test("a refusal says who runs, and when its lease ends", () => {
  const lease = { owner: { host: "h", pid: 7, id: "a" }, sinceMs: 0, untilMs: 120_000 };
  const { code, message, next } = controlRunning("p", lease);
  assert.equal(code, "TG_CONTROL_RUNNING");
  assert.match(message, /pipeline p is running: host h, pid 7, since 1970-01-01T00:00:00\.000Z$/);
  assert.match(next, /wait until 1970-01-01T00:02:00\.000Z if it has died/);
});

Deno.test("where a generation begins is decided by who begins it, and kept for who finishes it", () => {
  // The process that asked for `latest` dies before it has started anything.
  const { answers } = play(
    [ask("a"), 0],
    [ask("a", { newGeneration: true, from: 99 }), 1],
    [ask("b", { newGeneration: true, from: "latest", evict: "a" }), 2],
    [ask("c", { from: "earliest", evict: "b" }), 3],
  );
  assert.deepEqual(answers, [
    granted(1),
    granted(1),
    granted(2, "latest"),
    granted(2, "latest"),
  ]);
});
