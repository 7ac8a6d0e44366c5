import assert from "node:assert/strict";
import type { WorkerSlot } from "../../../adapters/launchers/launcher.ts";
import {
  firstTime,
  integral,
  Recorder,
  shareOfTime,
  stepsOf,
  within,
} from "../../../lab/load_test/record.ts";
import { decided, POINTS, pointsOf, span } from "./_run.ts";

const points = pointsOf([0, { ready: 1 }], [10, { ready: 4 }], [12, {}], [20, { ready: 2 }]);

Deno.test("timeline: a point stands until the next one", () => {
  assert.equal(integral(points, span("spike", 0, 30), ({ ready }) => ready), 10 + 40 + 20);
  assert.equal(integral(points, span("spike", 5, 15), ({ ready }) => ready), 5 + 20);
});

Deno.test("timeline: a stretch begins with how things stood", () => {
  assert.deepEqual(within(points, span("spike", 11, 20)).map(({ atMs, ready }) => [atMs, ready]), [
    [11_000, 4],
    [12_000, 4],
  ]);
});

Deno.test("timeline: before the first point there is nothing", () => {
  assert.equal(integral(points, { fromMs: -5_000, toMs: 5_000 }, ({ ready }) => ready), 5);
  assert.deepEqual(within([], span("spike", 0, 1)), []);
});

Deno.test("timeline: shares of time", () => {
  assert.equal(shareOfTime(points, span("spike", 0, 20), ({ ready }) => ready === 4), 0.5);
  assert.equal(shareOfTime(points, span("spike", 5, 5), () => true), 0);
});

Deno.test("timeline: the first moment", () => {
  assert.equal(firstTime(points, span("spike", 0, 30), ({ ready }) => ready === 4), 10_000);
  assert.equal(firstTime(points, span("spike", 11, 30), ({ ready }) => ready === 4), 11_000);
  assert.equal(firstTime(points, span("spike", 0, 30), ({ ready }) => ready === 3), null);
});

Deno.test("timeline: steps leave repeats out", () => {
  assert.deepEqual(stepsOf(POINTS, ({ desired }) => desired), [1, 4, 1]);
});

function slot(number: number, state: WorkerSlot["state"]): WorkerSlot {
  return { slot: number, state, pid: 1, identity: null, restarts: 0, problem: null };
}

const TIMES = { startupMs: null, drainMs: null };
const NOBODY = { desired: 0, slots: [], times: TIMES };

Deno.test("recorder: counts what was acknowledged in the source topic only", async () => {
  const recorder = new Recorder("source");
  const sent: string[] = [];
  const writer = recorder.counting({
    send: (topic, records) => Promise.resolve(void sent.push(`${topic} ${records.length}`)),
    close: () => Promise.resolve(),
  });
  const record = { key: null, value: "x" };
  await writer.send("source", [record, record]);
  await writer.send("other", [record]);
  assert.equal(recorder.sent, 2);
  assert.deepEqual(sent, ["source 2", "other 1"]);
  const failing = recorder.counting({
    send: () => Promise.reject(new Error("away")),
    close: () => Promise.resolve(),
  });
  await assert.rejects(failing.send("source", [record]));
  assert.equal(recorder.sent, 2);
});

/** A load whose partitions are folded so far. */
function load(...cursors: (number | null)[]) {
  return {
    pages: cursors.map((cursor, partition) => (
      { partition, cursor, end: cursor, swept: true, foldable: true }
    )),
  };
}

Deno.test("recorder: folded is the furthest that workers have said", () => {
  const recorder = new Recorder("source");
  const seen = { ...load(5, null) };
  recorder.start({ fleet: NOBODY, load: seen });
  recorder.stop();
  seen.pages = load(7, 2).pages;
  recorder.look();
  // A worker has died: its sweep begins again from where the last one was.
  seen.pages = load(5, 2).pages;
  recorder.look();
  assert.equal(recorder.folded, 9);
  assert.deepEqual(recorder.marks.map(({ partition, before }) => [partition, before]), [
    [0, 5],
    [0, 7],
    [1, 2],
  ]);
});

Deno.test("recorder: the watermark never goes back, and sweeps are kept with their moment", () => {
  const recorder = new Recorder("source");
  recorder.drained({ watermark: null });
  assert.equal(recorder.now().watermarkDelayMs, null);
  recorder.drained({ watermark: Date.now() - 1_000 });
  recorder.drained({ watermark: 0 });
  assert.ok((recorder.now().watermarkDelayMs ?? Infinity) < 60_000);
  const note = { n: 1, worker: "w", records: 3, busyMs: 2, ranMs: 5 };
  recorder.swept(note);
  const [{ atMs, ...kept } = { atMs: 0 }] = recorder.notes;
  assert.deepEqual(kept, note);
  assert.ok(Math.abs(Date.now() - atMs) < 60_000);
});

Deno.test("recorder: every decision, and the last that changed the number", () => {
  const recorder = new Recorder("source");
  recorder.decided(decided(1, "wake", 0, 1));
  recorder.decided(decided(2, "steady", 1, 1));
  assert.deepEqual(recorder.decisions.map(({ code }) => code), ["wake", "steady"]);
  assert.equal(recorder.lastChange?.code, "wake");
});

Deno.test("recorder: a point for every change of the workers", () => {
  const recorder = new Recorder("source");
  const fleet: { desired: number; slots: WorkerSlot[]; times: typeof TIMES } = {
    desired: 0,
    slots: [],
    times: TIMES,
  };
  recorder.start({ fleet, load: load() });
  try {
    fleet.desired = 2;
    recorder.look();
    fleet.slots = [slot(0, "starting"), slot(1, "ready")];
    recorder.look();
    recorder.look();
    const seen = recorder.points.map(({ desired, starting, ready }) => [desired, starting, ready]);
    assert.deepEqual(seen, [[0, 0, 0], [2, 0, 0], [2, 1, 1]]);
    assert.equal(recorder.processes, 2);
  } finally {
    recorder.stop();
  }
});

Deno.test("recorder: the rows of a window that come in several shares belong together", () => {
  const recorder = new Recorder("source");
  const row = (start: string, course: string) => ({
    pipeline: "spike",
    generation: 1,
    window: { start, end: `${start} and more` },
    key: { course },
    events: 1,
    values: {},
    revision: 0,
    final: true,
    watermark: "",
    emittedAt: "",
  });
  recorder.emitted({ rows: [row("one", "A")] });
  recorder.emitted({ rows: [row("one", "B")] });
  assert.equal(recorder.closed?.rows.length, 2);
  recorder.emitted({ rows: [row("two", "A")] });
  assert.deepEqual([recorder.closed?.start, recorder.closed?.rows.length], ["two", 1]);
});
