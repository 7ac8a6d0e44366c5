import assert from "node:assert/strict";
import { Admission, type Admitted, FollowingWorker } from "../../processes/admission.ts";
import type { LeasedCode } from "../../core/flow/lease.ts";
import { TidegateError } from "../../core/errors.ts";
import { fingerprintOf, type Plan } from "../../core/plan.ts";
import sensors from "../../pipelines/sensor_minutes.ts";

const { plan } = sensors;

const CODE: LeasedCode = { hash: "own", files: [["definition.ts", "1"]] };

/** Workflows of a pipeline whose state was made by a plan, and by some code after others. */
function workflows(made: Plan | null, answers = true, ...codes: readonly LeasedCode[]) {
  const accepted = [...codes, ...codes.length === 0 ? [CODE] : []];
  const code = {
    accepted: accepted.map(({ hash }) => ({ hash, by: "1@h", atMs: 0, why: "first" as const })),
    files: accepted.at(-1)?.files ?? [],
  };
  const fingerprint = made === null ? null : { ...fingerprintOf(made), topicId: "a" };
  return {
    exists: () => Promise.resolve(made !== null),
    answers: () => Promise.resolve(answers),
    supervisor: () => Promise.resolve({ generation: 7, fingerprint, code }),
  };
}

Deno.test("admission: with the same definition, the generation and the control process's own hash", async () => {
  const admitted = await new Admission(workflows(plan), plan, CODE).ask();
  assert.deepEqual(admitted, { generation: 7, codeHash: "own" });
});

Deno.test("admission: code that is not the control process's own is refused, also code of before", async () => {
  const other: LeasedCode = { hash: "other", files: [["definition.ts", "2"]] };
  for (const codes of [[other], [CODE, other]]) {
    await assert.rejects(new Admission(workflows(plan, true, ...codes), plan, CODE).ask(), {
      code: "TG_DEFINITION_CHANGED",
      message: /definition\.ts: has changed/,
    });
  }
  const again = workflows(plan, true, other, CODE);
  assert.equal((await new Admission(again, plan, CODE).ask())?.codeHash, "own");
});

Deno.test("admission: another definition is refused for good, with what differs", async () => {
  const admission = new Admission(workflows({ ...plan, delayMs: 1_234 }), plan, CODE);
  await assert.rejects(admission.ask(), (error) => {
    assert.ok(error instanceof TidegateError);
    assert.equal(error.code, "TG_DEFINITION_CHANGED");
    assert.equal(error.retryable, false);
    assert.match(error.message, /watermark\.delay: was 1s234ms/);
    return true;
  });
});

Deno.test("admission: without a state, or somebody who answers for it, there is nothing to sweep for", async () => {
  assert.equal(await new Admission(workflows(null), plan, CODE).ask(), null);
  const silent = workflows({ ...plan, delayMs: 1_234 }, false);
  assert.equal(await new Admission(silent, plan, CODE).ask(), null);
});

/** A worker with a clock that its pauses turn on; each pause ends when the test says so. */
class Case {
  readonly log: string[] = [];
  answer: Admitted | null | Error = null;
  heard: () => void = () => undefined;
  fail: (error: Error) => void = () => undefined;
  nowMs = 0;
  readonly worker: FollowingWorker;
  #paused = Promise.withResolvers<number>();
  #go = Promise.withResolvers<void>();

  constructor(answer: Admitted | null | Error) {
    this.answer = answer;
    this.worker = new FollowingWorker({
      admission: {
        ask: () => {
          this.log.push("ask");
          const { answer } = this;
          return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
        },
      },
      start: ({ generation, codeHash }, heard) => {
        this.log.push(`start ${generation} ${codeHash}`);
        this.heard = heard;
        const { promise: done, reject } = Promise.withResolvers<void>();
        this.fail = reject;
        const stop = () => Promise.resolve(void this.log.push(`stop ${generation}`));
        return Promise.resolve({ done, stop });
      },
      say: (line) => this.log.push(line),
      now: () => this.nowMs,
      pause: (ms, signal) => {
        this.#paused.resolve(ms);
        const aborted = new Promise<void>((resolve) => {
          signal.addEventListener("abort", () => resolve());
        });
        return Promise.race([this.#go.promise, aborted]);
      },
    });
  }

  /** How long it is about to wait, once it is. */
  waits(): Promise<number> {
    return this.#paused.promise;
  }

  /** Lets it look again after a time; gives what it did, and how long it waits then. */
  async after(ms: number): Promise<[log: string[], waitsMs: number]> {
    this.log.length = 0;
    this.nowMs += ms;
    const go = this.#go;
    this.#paused = Promise.withResolvers();
    this.#go = Promise.withResolvers();
    go.resolve();
    return [this.log, await this.waits()];
  }
}

Deno.test("following: it waits for a control process, and sweeps for what that says", async () => {
  const it = new Case(null);
  await it.waits();
  assert.deepEqual([it.log.length, it.worker.generation], [2, null]);
  assert.match(it.log[1] ?? "", /waiting/);
  assert.deepEqual(await it.after(2_000), [["ask"], 2_000], "said once");
  it.answer = { generation: 3, codeHash: "h" };
  assert.deepEqual((await it.after(2_000))[0], ["ask", "start 3 h", "sweeps for generation 3"]);
  assert.equal(it.worker.generation, 3);
  await it.worker.stop();
  assert.deepEqual([it.log.at(-1), it.worker.generation], ["stop 3", null]);
});

Deno.test("following: it asks again when it has heard nothing for a minute, and not before", async () => {
  const it = new Case({ generation: 3, codeHash: "h" });
  assert.equal(await it.waits(), 60_000);
  it.nowMs = 30_000;
  it.heard();
  assert.deepEqual(await it.after(30_000), [[], 30_000], "it was heard of 30 s ago");
  assert.deepEqual(await it.after(30_000), [["ask"], 60_000]);
  await it.worker.stop();
});

Deno.test("following: another generation, or other code, gets a worker of its own", async () => {
  const it = new Case({ generation: 3, codeHash: "h" });
  await it.waits();
  it.answer = { generation: 4, codeHash: "h" };
  assert.deepEqual((await it.after(60_000))[0], [
    "ask",
    "stop 3",
    "start 4 h",
    "sweeps for generation 4",
  ]);
  it.answer = { generation: 4, codeHash: "i" };
  assert.deepEqual((await it.after(60_000))[0].slice(1, 3), ["stop 4", "start 4 i"]);
  it.answer = null;
  assert.deepEqual((await it.after(60_000))[0], ["ask"], "nobody answers: it goes on");
  assert.equal(it.worker.generation, 4);
  await it.worker.stop();
});

Deno.test("following: what may pass is asked again; a refusal and a failed worker are told", async () => {
  const away = new TidegateError("TG_TEMPORAL_UNREACHABLE", "away", { retryable: true });
  const it = new Case(away);
  assert.equal(await it.waits(), 2_000);
  assert.match(it.log[1] ?? "", /cannot ask what to sweep for: away/);
  const refusal = new TidegateError("TG_DEFINITION_CHANGED", "other");
  it.answer = refusal;
  await it.after(2_000);
  assert.equal(await it.worker.failed, refusal);
  await it.worker.stop();

  const other = new Case({ generation: 3, codeHash: "h" });
  await other.waits();
  const dead = new Error("dead");
  other.fail(dead);
  assert.equal(await other.worker.failed, dead);
  await other.worker.stop();
});
