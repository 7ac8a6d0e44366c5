import assert from "node:assert/strict";
import { untilDrained } from "../../cli/drained.ts";
import { TidegateError } from "../../core/errors.ts";
import { Drain, newDrain } from "../../core/flow/drain.ts";
import { type GenerationView, viewOf } from "../../core/flow/view.ts";
import { runPlanOf } from "../../core/plan.ts";
import sensors from "../../pipelines/sensor_minutes.ts";

const VIEW = viewOf(
  new Drain({
    ...runPlanOf(sensors.plan),
    generation: 1,
    topicId: null,
    paceMs: 5_000,
    sliceMs: 1_000,
    deliverEveryMs: 5_000,
    emitEveryMs: null,
    maxOpenWindows: 100,
  }, newDrain([{ partition: 0, cursor: 0, until: 5 }], "h")),
);
const DRAINED: GenerationView = { ...VIEW, drained: true };

/** A run, and what its drain tells. */
class Case {
  view: GenerationView | null = null;
  flushes = 0;
  looks = 0;
  readonly end: Promise<GenerationView | null>;
  readonly interrupt: () => void;
  readonly lose: (why: TidegateError) => void;
  #look = Promise.withResolvers<void>();

  constructor(flush: boolean, afterFlush: GenerationView = VIEW) {
    const interrupted = Promise.withResolvers<void>();
    const lost = Promise.withResolvers<TidegateError>();
    this.interrupt = interrupted.resolve;
    this.lose = lost.resolve;
    const told = () => this.view;
    this.end = untilDrained({
      drain: {
        flush: () => {
          this.flushes += 1;
          this.view = afterFlush;
          return Promise.resolve(afterFlush);
        },
      },
      load: {
        get view() {
          return told();
        },
      },
      lost: lost.promise,
    }, {
      flush,
      interrupted: interrupted.promise,
      onLook: () => {
        this.looks += 1;
        this.#look.resolve();
        this.#look = Promise.withResolvers();
      },
    });
  }

  /** Waits until it has looked, and found nothing to do. */
  looked(): Promise<void> {
    return this.#look.promise;
  }
}

Deno.test("drained: it waits for the first word, and for the drain's own word of the end", async () => {
  const it = new Case(false);
  await it.looked();
  it.view = VIEW;
  await it.looked();
  it.view = DRAINED;
  assert.equal(await it.end, DRAINED);
  assert.equal(it.flushes, 0);
});

Deno.test("drained: with --flush it ends when the closed windows are booked, and flushes once", async () => {
  const it = new Case(true);
  it.view = DRAINED;
  await it.looked();
  assert.equal(it.flushes, 1, "drained before it was flushed is no end");
  const closed = { ...DRAINED };
  it.view = closed;
  assert.equal(await it.end, closed);
  assert.equal(it.flushes, 1);

  const nothingOpen = { ...DRAINED };
  const other = new Case(true, nothingOpen);
  other.view = DRAINED;
  assert.equal(await other.end, nothingOpen, "the flush itself says that nothing was open");
});

Deno.test("drained: a stopped partition ends the run, and nothing is flushed past it", async () => {
  const it = new Case(true);
  const partitions = VIEW.partitions.map((p) => ({ ...p, mode: "stopped" as const }));
  const stopped = { ...DRAINED, partitions };
  it.view = stopped;
  assert.equal(await it.end, stopped);
  assert.equal(it.flushes, 0);
});

Deno.test("drained: a run that only the open windows hold back ends, and names who could close them", async () => {
  const it = new Case(true);
  it.view = { ...VIEW, stuckBehind: [1, 3] };
  await assert.rejects(it.end, (error) => {
    assert.ok(error instanceof TidegateError);
    assert.equal(error.code, "TG_TOO_MANY_WINDOWS");
    assert.match(error.message, /partitions 1, 3/);
    assert.match(error.next, /exclude .*--flush/);
    return true;
  });
});

Deno.test("drained: Ctrl-C and a lost control process end the wait", async () => {
  const it = new Case(false);
  it.interrupt();
  assert.equal(await it.end, null);
  const other = new Case(false);
  const why = new TidegateError("TG_CONTROL_LOST", "another");
  other.lose(why);
  await assert.rejects(other.end, why);
});
