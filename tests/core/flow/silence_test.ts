import assert from "node:assert/strict";
import {
  addLooked,
  heard,
  isFresh,
  lookedOf,
  NO_SILENCE,
  type PollAnswer,
} from "../../../core/flow/silence.ts";

/** Answers, of which each says what is unlike a clean, empty one after a wait of a second. */
function silenceOf(...answers: readonly (Partial<PollAnswer> & { readonly sentAtMs: number })[]) {
  return answers.reduce((silence, answer) =>
    heard(silence, {
      answeredAtMs: answer.sentAtMs + 1_000,
      waitMs: 1_000,
      leader: "1",
      clean: true,
      caughtUp: true,
      moved: false,
      ...answer,
    }), NO_SILENCE);
}

Deno.test("silence is the time from the sending of one poll to a later answer for it", () => {
  assert.equal(silenceOf({ sentAtMs: 0 }).confirmedMs, 1_000);
  assert.equal(silenceOf({ sentAtMs: 0 }, { sentAtMs: 1_040 }).confirmedMs, 2_040);
});

for (
  const [what, between] of [
    ["an error", { clean: false }],
    ["an open transaction, or a backlog", { caughtUp: false }],
    ["another leader", { leader: "2" }],
    ["a hang", { answeredAtMs: 9_000 }],
  ] as const
) {
  Deno.test(`${what} is no silence`, () => {
    const sentAtMs = 2_000;
    const after = Math.max(sentAtMs + 1_000, "answeredAtMs" in between ? between.answeredAtMs : 0);
    const { confirmedMs } = silenceOf({ sentAtMs: 0 }, { sentAtMs, ...between }, {
      sentAtMs: after,
    });
    const own = what === "another leader" ? 1_000 : 0;
    assert.equal(confirmedMs, 1_000 + own + 1_000);
  });
}

Deno.test("answers too far apart confirm nothing between them", () => {
  assert.equal(silenceOf({ sentAtMs: 0 }, { sentAtMs: 2_000 }).confirmedMs, 3_000);
  assert.equal(silenceOf({ sentAtMs: 0 }, { sentAtMs: 2_001 }).confirmedMs, 2_000);
});

Deno.test("what moves the time begins silence anew; what doesn't, does not", () => {
  const moved = silenceOf({ sentAtMs: 0 }, { sentAtMs: 1_000, moved: true }, { sentAtMs: 2_000 });
  assert.deepEqual([moved.confirmedMs, moved.moved], [1_000, true]);
  const useless = silenceOf({ sentAtMs: 0 }, { sentAtMs: 1_000 }, { sentAtMs: 2_000 });
  assert.deepEqual([useless.confirmedMs, useless.moved], [3_000, false]);
  assert.equal(addLooked(500, { confirmedMs: 10, moved: true }), 10);
  assert.equal(addLooked(500, { confirmedMs: 10, moved: false }), 510);
});

Deno.test("only a fresh result decides by what it has seen", () => {
  assert.equal(isFresh(10_000, 6_900, 5_000), true);
  assert.equal(isFresh(10_000, 7_000, 5_000), false);
  assert.equal(isFresh(4_000, 5_999, 5_000), true);
  assert.equal(isFresh(4_000, 6_000, 5_000), false);
  assert.equal(isFresh(10_000, -3_600_000, 5_000), false, "the asker's clock was set back");
});

Deno.test("looking that has broken off when a sweep answers is told; it counts all the same", () => {
  const silence = silenceOf({ sentAtMs: 0 }, { sentAtMs: 1_000 });
  assert.deepEqual(lookedOf(silence, 4_000), { confirmedMs: 2_000, moved: false });
  const broken = { confirmedMs: 2_000, moved: false, brokeOff: true };
  assert.deepEqual(lookedOf(silence, 4_001), broken, "a worker that stood still");
  const error = silenceOf({ sentAtMs: 0 }, { sentAtMs: 1_000 }, { sentAtMs: 2_000, clean: false });
  assert.deepEqual(lookedOf(error, 3_000), broken);
  assert.deepEqual(lookedOf(NO_SILENCE, 9_000), { confirmedMs: 0, moved: false });
});
