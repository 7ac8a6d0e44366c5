import assert from "node:assert/strict";
import fc from "fast-check";
import { PipelineClock, type Report, type ReportKind } from "../../../core/flow/pipeline_clock.ts";

/** Drains that count their reports. */
function drains(clock: PipelineClock) {
  const seqs = new Map<number, number>();
  return (
    partition: number,
    kind: ReportKind,
    watermark: number | null = null,
    nowMs = 0,
    pending: readonly number[] = [],
  ) => {
    const seq = (seqs.get(partition) ?? 0) + 1;
    seqs.set(partition, seq);
    const report: Report = { partition, seq, kind, watermark, firstEventTime: null, opened: [] };
    return clock.report(report, nowMs, pending).watermark;
  };
}

function reborn(clock: PipelineClock): PipelineClock {
  return new PipelineClock([], JSON.parse(JSON.stringify(clock.snapshot())));
}

Deno.test("the watermark is the smallest of the active partitions', from the last first one on", () => {
  const clock = new PipelineClock([0, 1]);
  const tell = drains(clock);
  assert.equal(tell(0, "join"), null);
  assert.equal(tell(0, "advance", 50), null);
  assert.equal(tell(1, "advance", 30), 30);
  assert.equal(tell(1, "advance", 70), 50);
  // It never goes back, whatever a drain says.
  assert.equal(tell(0, "advance", 10), 50);
  assert.equal(clock.partitions[0]?.[1].watermark, 50);
});

Deno.test("a report that is not newer changes nothing; an older one is told so", () => {
  const clock = new PipelineClock([0]);
  const report = (seq: number, kind: ReportKind, watermark: number): Report => (
    { partition: 0, seq, kind, watermark, firstEventTime: null, opened: [] }
  );
  assert.equal(clock.isNew(report(1, "advance", 5)), true);
  assert.deepEqual(clock.report(report(1, "advance", 5), 0), { watermark: 5, driftBase: 5 });
  assert.equal(clock.isNew(report(1, "advance", 5)), false);
  // Repeated: the call was made again.
  assert.deepEqual(clock.report(report(1, "advance", 5), 0), { watermark: 5, driftBase: 5 });
  clock.report(report(4, "advance", 8), 0);
  const before = clock.snapshot();
  assert.deepEqual(clock.report(report(2, "idle", 99), 0), {
    watermark: 8,
    driftBase: 8,
    overtaken: true,
  });
  assert.deepEqual(clock.snapshot(), before);
});

Deno.test("an idle partition leaves the minimum, and takes the watermark as its floor to join", () => {
  const clock = new PipelineClock([0, 1]);
  const tell = drains(clock);
  tell(0, "advance", 10);
  tell(1, "advance", 100);
  assert.equal(clock.watermark, 10);
  assert.equal(tell(0, "idle", 10), 100);
  // To advance does not make it active again.
  assert.equal(tell(0, "advance", 20), 100);
  assert.equal(tell(1, "advance", 150), 150);
  assert.equal(tell(0, "join", 20), 150);
  assert.equal(clock.partitions[0]?.[1].watermark, 150);
  assert.equal(tell(1, "advance", 170), 150);
  assert.equal(tell(0, "advance", 160), 160);
});

Deno.test("a partition that comes later holds the watermark from its join on", () => {
  const clock = new PipelineClock([0]);
  const tell = drains(clock);
  assert.equal(tell(0, "advance", 10), 10);
  assert.equal(tell(7, "join"), 10);
  assert.equal(tell(0, "advance", 20), 10);
  assert.equal(tell(7, "advance", 15), 15);
});

Deno.test("an excluded partition leaves, a parked one holds", () => {
  const clock = new PipelineClock([0, 1, 2]);
  const tell = drains(clock);
  tell(0, "advance", 10);
  tell(1, "advance", 20);
  tell(2, "advance", 30);
  assert.equal(tell(0, "exclude", 10), 20);
  assert.equal(clock.hasActive, true);
  assert.equal(tell(1, "park", 20), 20);
  assert.equal(tell(2, "park", 40), 20);
  assert.equal(clock.hasActive, false);
  assert.equal(clock.nextRunOnMs([50]), undefined);
});

Deno.test("all idle: the largest watermark, then on with the wall clock as far as needed", () => {
  const clock = new PipelineClock([0, 1]);
  const tell = drains(clock);
  const open = [130, 140, 5_000];
  tell(0, "advance", 100, 1_000, open);
  tell(1, "idle", 120, 2_000, open);
  assert.equal(clock.nextRunOnMs(open), undefined);
  assert.equal(tell(0, "idle", 110, 5_000, open), 120);
  // 120 at 5,000 ms, so 130 at 5,010 ms.
  assert.equal(clock.nextRunOnMs(open), 5_010);
  clock.runOn(5_009, open);
  assert.equal(clock.watermark, 120);
  clock.runOn(5_015, open);
  assert.equal(clock.watermark, 130);
  assert.equal(clock.nextRunOnMs(open), 5_020);
  const other = reborn(clock);
  other.runOn(5_025, open);
  assert.equal(other.watermark, 140);
  // A clock that was set back does no harm.
  clock.runOn(0, open);
  assert.equal(clock.watermark, 130);
  // A join ends it, with what it has reached as floor.
  assert.equal(tell(1, "join", 120, 5_021, open), 140);
  clock.runOn(99_000, open);
  assert.equal(clock.watermark, 140);
  // All idle again: it runs on from there, not from where it would have been.
  tell(1, "idle", 120, 99_000, open);
  assert.equal(clock.nextRunOnMs(open), 99_000 + 4_860);
});

Deno.test("without a watermark there is nothing to run on from", () => {
  const clock = new PipelineClock([0]);
  assert.equal(drains(clock)(0, "idle", null, 5), null);
  assert.equal(clock.snapshot().allIdle, null);
  assert.equal(clock.nextRunOnMs([1]), undefined);
});

Deno.test("the drift is measured from the slowest that moves, or from the first event", () => {
  const clock = new PipelineClock([0, 1, 2]);
  const report = (partition: number, seq: number, kind: ReportKind, watermark: number | null) =>
    clock.report({
      partition,
      seq,
      kind,
      watermark,
      firstEventTime: watermark === null ? null : watermark - 1_000,
      opened: [],
    }, 0).driftBase;
  assert.equal(report(0, 1, "join", null), null);
  assert.equal(report(0, 2, "advance", 5_000), 4_000);
  assert.equal(report(1, 1, "advance", 3_000), 2_000);
  assert.equal(report(2, 1, "advance", 9_000), 3_000);
  // Nobody waits for a parked, an idle or an excluded one.
  assert.equal(report(1, 2, "park", 3_000), 5_000);
  assert.equal(report(0, 3, "idle", 5_000), 9_000);
  assert.equal(report(2, 2, "exclude", 9_000), null);
});

Deno.test("a flush moves the watermark and never back", () => {
  const clock = new PipelineClock([0]);
  clock.flush(-Infinity);
  assert.equal(clock.watermark, null);
  clock.flush(50);
  clock.flush(20);
  assert.equal(clock.watermark, 50);
  assert.equal(drains(clock)(0, "join", 10), 50);
});

Deno.test("the watermark never goes back, and a crash changes nothing", () => {
  const steps = fc.array(
    fc.record({
      partition: fc.nat(3),
      kind: fc.constantFrom<ReportKind>("join", "advance", "advance", "idle", "park", "exclude"),
      watermark: fc.option(fc.integer({ min: -50, max: 200 })),
      seq: fc.nat(12),
      waitMs: fc.nat(40),
    }),
    { maxLength: 40 },
  );
  const open = [20, 60, 90, 300];
  fc.assert(fc.property(steps, (list) => {
    const play = (crashes: boolean) => {
      let clock = new PipelineClock([0, 1, 2]);
      let nowMs = 0;
      let last = -Infinity;
      return list.map(({ waitMs, ...report }) => {
        if (crashes) clock = reborn(clock);
        nowMs += waitMs;
        clock.runOn(nowMs, open);
        const answer = clock.report({ ...report, firstEventTime: null, opened: [] }, nowMs, open);
        assert.ok((answer.watermark ?? -Infinity) >= last);
        last = answer.watermark ?? -Infinity;
        return [answer, clock.nextRunOnMs(open), clock.hasActive];
      });
    };
    assert.deepEqual(play(true), play(false));
  }));
});
