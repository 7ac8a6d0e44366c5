import assert from "node:assert/strict";
import fc from "fast-check";
import { decide, isMaterial } from "../../../core/scaling/policy.ts";
import {
  DEFAULT_POLICY,
  type FleetDecision,
  type FleetSample,
  newPolicyState,
  type PartitionSample,
  type PolicySettings,
  type PolicyState,
} from "../../../core/scaling/state.ts";

const WORKER_RATE = 12;

/** What a stretch of samples says besides its load. */
interface Stretch {
  /** Events per second of each partition. */
  readonly rates: readonly number[];
  /** How long, in s. */
  readonly seconds: number;
  /** Events folded per second and partition at most; by default the fleet's work in equal parts. */
  readonly folds?: readonly number[];
  /** Between samples, in s. */
  readonly every?: number;
  readonly workerRate?: number | null;
  readonly inFlight?: number | null;
  readonly ready?: number;
  /** What becomes of each partition's look. */
  readonly partition?: (look: PartitionSample) => PartitionSample;
  /** Whether nothing can be found out. */
  readonly blind?: boolean;
}

/** A topic and a policy, fed with samples. */
class Bench {
  state: PolicyState;
  settings: PolicySettings;
  nowMs = 1_000_000;
  readonly decisions: FleetDecision[] = [];
  readonly #ends: number[];
  readonly #cursors: number[];

  constructor(settings: Partial<PolicySettings> = {}, partitions = 4) {
    this.settings = { ...DEFAULT_POLICY, ...settings };
    this.state = newPolicyState(this.settings.min);
    this.#ends = Array.from({ length: partitions }, () => 0);
    this.#cursors = [...this.#ends];
  }

  get desired(): number {
    return this.state.desired;
  }

  get last(): FleetDecision {
    const last = this.decisions.at(-1);
    assert.ok(last);
    return last;
  }

  /** The codes of the decisions since a number of them, without repetitions. */
  codes(since = 0): string[] {
    return this.decisions.slice(since).map((one) => one.code)
      .filter((code, i, all) => code !== all[i - 1]);
  }

  /** Puts records into partitions at once. */
  put(...counts: readonly number[]): void {
    counts.forEach((count, i) => this.#ends[i] = (this.#ends[i] ?? 0) + count);
  }

  /** Lets samples come; the topic is folded as fast as the wanted workers can. */
  feed(stretch: Stretch): FleetDecision[] {
    const { seconds, every = 1 } = stretch;
    const before = this.decisions.length;
    for (let at = 0; at < seconds; at += every) this.step(stretch, every);
    return this.decisions.slice(before);
  }

  step(stretch: Stretch, every: number): void {
    this.nowMs += every * 1000;
    const share = this.desired * WORKER_RATE * every / this.#ends.length;
    for (const [i, rate] of stretch.rates.entries()) {
      const end = (this.#ends[i] ?? 0) + rate * every;
      const work = stretch.folds === undefined ? share : (stretch.folds[i] ?? 0) * every;
      this.#ends[i] = end;
      this.#cursors[i] = Math.min(end, (this.#cursors[i] ?? 0) + (this.desired === 0 ? 0 : work));
    }
    this.give(this.sample(stretch));
  }

  sample(stretch: Omit<Stretch, "seconds" | "rates"> = {}): FleetSample {
    const looks = this.#ends.map((end, partition) => ({
      partition,
      end,
      cursor: this.#cursors[partition] ?? 0,
    }));
    return {
      atMs: this.nowMs,
      partitions: stretch.blind === true
        ? []
        : looks.map((look) => stretch.partition?.(look) ?? look),
      inFlight: stretch.inFlight === undefined ? 0 : stretch.inFlight,
      workerRate: stretch.workerRate === undefined ? WORKER_RATE : stretch.workerRate,
      ready: stretch.ready ?? this.desired,
      starting: 0,
      draining: 0,
      startupMs: 500,
    };
  }

  give(sample: FleetSample): void {
    const { state, decision } = decide(this.state, sample, this.settings);
    this.state = state;
    this.decisions.push(decision);
  }
}

/** Equal rates of four partitions. */
function even(rate: number): number[] {
  return [rate / 4, rate / 4, rate / 4, rate / 4];
}

/** A bench with one worker that has been at it for a while. */
function steadyBench(settings: Partial<PolicySettings> = {}, rate = 8): Bench {
  const bench = new Bench(settings);
  bench.feed({ rates: even(rate), seconds: 60 });
  return bench;
}

Deno.test("policy: 0 workers stay until the first record, and it brings one at once", () => {
  const bench = new Bench();
  bench.feed({ rates: even(0), seconds: 30 });
  assert.deepEqual([bench.desired, bench.last.code], [0, "asleep"]);
  bench.put(1);
  bench.feed({ rates: even(0), seconds: 1 });
  assert.deepEqual([bench.desired, bench.last.code], [1, "wake"]);
  assert.match(bench.last.reason, /^1 record waiting and no workers: 1 worker\.$/);
});

Deno.test("policy: a backlog at 0 workers brings the needed number straight away", () => {
  const bench = steadyBench();
  bench.feed({ rates: even(0), seconds: 90 });
  assert.equal(bench.desired, 0);
  bench.put(80, 80, 80, 80);
  bench.feed({ rates: even(0), seconds: 1 });
  assert.deepEqual([bench.desired, bench.last.code], [3, "wake"]);
});

Deno.test("policy: a large load at 0 workers has its number within 1 s of the first sample", () => {
  const bench = steadyBench();
  bench.feed({ rates: even(0), seconds: 90 });
  const after = bench.feed({ rates: even(40), seconds: 3, every: 0.25 });
  assert.equal(after[0]?.code, "wake");
  assert.ok(after.findIndex((one) => one.desired === 4) <= 4, bench.codes().join());
});

Deno.test("policy: the first worker comes without a known rate; more wait until it is known", () => {
  const bench = new Bench();
  bench.put(1000, 1000, 1000, 1000);
  bench.feed({ rates: even(0), seconds: 10, workerRate: null });
  assert.deepEqual([bench.desired, bench.last.code], [1, "rate-unknown"]);
  bench.feed({ rates: even(0), seconds: 3 });
  assert.equal(bench.desired, 4);
});

Deno.test("policy: up only under pressure in two samples 750 ms apart, then in one step", () => {
  const bench = steadyBench();
  const began = bench.decisions.length;
  bench.feed({ rates: even(40), seconds: 3, every: 0.25 });
  const after = bench.decisions.slice(began);
  const first = after.findIndex((one) => one.code === "pressure");
  const up = after.findIndex((one) => one.desired > 1);
  assert.deepEqual(after[up]?.code, "up-arrival");
  assert.deepEqual([after[up]?.previous, after[up]?.desired], [1, 4]);
  assert.ok((after[up]?.atMs ?? 0) - (after[first]?.atMs ?? 0) >= 750);
  assert.ok((after[up]?.atMs ?? 0) - (after[0]?.atMs ?? 0) <= 2500);
  assert.match(
    after[up]?.reason ?? "",
    /^40\.0\/s and a backlog of \d+ need \d workers at 12\.0\/s/,
  );
});

Deno.test("policy: a blip of less than a second changes nothing", () => {
  const bench = steadyBench();
  bench.put(10, 10, 10, 10);
  bench.feed({ rates: even(8), seconds: 0.25, every: 0.25 });
  assert.equal(bench.last.code, "pressure");
  bench.feed({ rates: even(8), seconds: 30, every: 0.25 });
  assert.equal(bench.desired, 1);
});

Deno.test("policy: no more workers than partitions that have records", () => {
  const bench = new Bench();
  bench.feed({ rates: [4, 4, 0, 0], seconds: 60 });
  bench.feed({ rates: [20, 20, 0, 0], seconds: 60 });
  assert.equal(bench.desired, 2);
});

Deno.test("policy: a hot partition is named, and no worker is added for it", () => {
  const bench = new Bench();
  bench.feed({ rates: [3, 1, 1, 1], seconds: 60 });
  const after = bench.feed({ rates: [60, 1, 1, 1], seconds: 120, folds: [12, 1, 1, 1] });
  assert.ok(after.every((one) => one.desired <= 2), bench.codes().join());
  assert.deepEqual(bench.last.inputs.hot, [0]);
  assert.match(bench.last.reason, /Partition 0 takes more than the 12\.0\/s of one worker/);
  assert.match(bench.last.reason, /more workers don't help it/);
});

Deno.test("policy: beside a hot partition, next to nothing is not worth a worker", () => {
  const bench = new Bench();
  bench.feed({ rates: [3, 0.2, 0.2, 0.2], seconds: 60 });
  bench.feed({ rates: [60, 0.2, 0.2, 0.2], seconds: 120, folds: [12, 1, 1, 1] });
  assert.deepEqual([bench.desired, bench.last.code], [1, "hot-partition"]);
});

Deno.test("policy: at the limit it says how many are needed", () => {
  const bench = steadyBench({ max: 2 });
  bench.feed({ rates: even(40), seconds: 30 });
  assert.deepEqual([bench.desired, bench.last.code], [2, "at-limit"]);
  assert.match(bench.last.reason, /: 4 workers needed, 2 allowed\.$/);
});

Deno.test("policy: a load slightly too large is caught by its backlog", () => {
  const bench = steadyBench();
  bench.feed({ rates: even(13), seconds: 120 });
  assert.equal(bench.desired, 2);
  assert.ok(bench.codes().includes("up-lag"), bench.codes().join());
});

Deno.test("policy: a large backlog under small arrivals brings workers, and they go again", () => {
  const bench = steadyBench();
  bench.put(250, 250, 250, 250);
  bench.feed({ rates: even(8), seconds: 20 });
  assert.equal(bench.desired, 4);
  bench.feed({ rates: even(8), seconds: 90 });
  assert.equal(bench.desired, 1);
});

Deno.test("policy: down after a window in which no moment needed more", () => {
  const bench = steadyBench();
  bench.feed({ rates: even(40), seconds: 60 });
  assert.equal(bench.desired, 4);
  const after = bench.feed({ rates: even(8), seconds: 60 });
  const down = after.findIndex((one) => one.desired < 4);
  assert.ok(down >= 29, `after ${down} s`);
  assert.deepEqual(after[down]?.code, "down");
  assert.equal(bench.desired, 1);
  assert.ok(after.slice(0, down).some((one) => one.code === "down-window"));
});

Deno.test("policy: a smaller fleet that would be too busy is left as it is", () => {
  const bench = steadyBench();
  bench.feed({ rates: even(40), seconds: 60 });
  // 22 a second are 92 % of two workers.
  bench.feed({ rates: even(22), seconds: 300 });
  assert.equal(bench.desired, 3);
});

Deno.test("policy: a flap doubles the window, and is forgotten after 10 min", () => {
  const bench = steadyBench();
  const spike = () => bench.feed({ rates: even(40), seconds: 10 });
  const calm = (seconds: number) => bench.feed({ rates: even(8), seconds });
  const untilDown = () => {
    for (let at = 1; at <= 700; at++) {
      calm(1);
      if (bench.last.code === "down" && bench.desired === 1) return at;
    }
    return Infinity;
  };
  spike();
  const first = untilDown();
  spike();
  assert.equal(bench.desired, 4);
  assert.equal(bench.state.window.lengthMs, 60_000);
  const second = untilDown();
  spike();
  assert.equal(bench.state.window.lengthMs, 120_000);
  const third = untilDown();
  assert.ok(second >= first + 25 && third >= second + 50, `${first}, ${second}, ${third}`);
  calm(610);
  spike();
  assert.equal(bench.state.window.lengthMs, 30_000);
});

Deno.test("policy: the window grows to 10 min at most", () => {
  const bench = steadyBench();
  for (let i = 0; i < 8; i++) {
    bench.feed({ rates: even(40), seconds: 10 });
    for (let at = 0; bench.desired > 1 && at < 700; at++) {
      bench.feed({ rates: even(8), seconds: 1 });
    }
  }
  assert.equal(bench.state.window.lengthMs, 600_000);
});

Deno.test("policy: to 0 after the configured rest", () => {
  const bench = steadyBench({ idleToZeroMs: 20_000 });
  const after = bench.feed({ rates: even(0), seconds: 30 });
  const zero = after.findIndex((one) => one.desired === 0);
  assert.ok(zero >= 19 && zero <= 22, `after ${zero} s`);
  assert.deepEqual(after[zero]?.code, "to-zero");
});

Deno.test("policy: never to 0 with a slice in flight, one unknown, a lag, or a minimum", () => {
  const cases: [string, Partial<PolicySettings>, Partial<Stretch>][] = [
    ["in flight", {}, { inFlight: 1 }],
    ["unknown", {}, { inFlight: null }],
    ["lag", {}, { folds: [0, 0, 0, 0] }],
    ["minimum", { min: 1 }, {}],
  ];
  for (const [name, settings, stretch] of cases) {
    const bench = steadyBench(settings);
    bench.put(name === "lag" ? 1 : 0);
    bench.feed({ rates: even(0), seconds: 300, ...stretch });
    assert.equal(bench.desired, 1, name);
  }
});

Deno.test("policy: missing data holds the fleet, and the rest begins again", () => {
  const bench = steadyBench();
  bench.feed({ rates: even(0), seconds: 50 });
  bench.feed({ rates: even(0), seconds: 300, blind: true });
  assert.deepEqual([bench.desired, bench.last.code], [1, "missing-data"]);
  assert.equal(bench.last.reason, "The load is not known: the fleet stays as it is.");
  bench.feed({ rates: even(0), seconds: 55 });
  assert.equal(bench.desired, 1);
  bench.feed({ rates: even(0), seconds: 10 });
  assert.equal(bench.desired, 0);
});

Deno.test("policy: with unknown ends a fleet without arrivals, lag and slices is held", () => {
  const bench = steadyBench();
  const partition = (look: PartitionSample) => ({ ...look, end: null });
  bench.feed({ rates: even(0), seconds: 59 });
  bench.feed({ rates: even(0), seconds: 300, partition });
  assert.deepEqual([bench.desired, bench.last.code], [1, "missing-data"]);
  assert.deepEqual([bench.last.inputs.lag, bench.last.inputs.arrival3], [null, null]);
});

Deno.test("policy: an outage is no silence, even where no sample came at all", () => {
  const bench = steadyBench();
  bench.feed({ rates: even(0), seconds: 10 });
  bench.nowMs += 600_000;
  bench.feed({ rates: even(0), seconds: 50 });
  assert.equal(bench.desired, 1);
});

Deno.test("policy: with a partition unknown the fleet may grow and not shrink", () => {
  const bench = steadyBench();
  const partition = (look: PartitionSample) => look.partition === 3 ? { ...look, end: null } : look;
  bench.feed({ rates: even(40), seconds: 30, partition });
  assert.equal(bench.desired, 3);
  bench.feed({ rates: even(0), seconds: 300, partition });
  assert.deepEqual([bench.desired, bench.last.code], [3, "partial-data"]);
});

Deno.test("policy: offsets that go back begin a new history", () => {
  const bench = steadyBench();
  bench.feed({ rates: even(8), seconds: 5 });
  const partition = (look: PartitionSample) => ({ ...look, end: 0, cursor: 0 });
  bench.feed({ rates: even(0), seconds: 1, partition });
  assert.equal(bench.state.points.length, 1);
  assert.equal(bench.desired, 1);
});

Deno.test("policy: a step up without effect is taken back, with the reason, and not repeated", () => {
  const bench = steadyBench();
  // Whatever the fleet, all of it folds 12 a second: something else is the bottleneck.
  const bottleneck = { rates: even(24), folds: even(12) };
  const after = bench.feed({ ...bottleneck, seconds: 40 });
  const up = after.findIndex((one) => one.desired > 1);
  const back = after.findIndex((one) => one.code === "no-effect");
  assert.ok(up >= 0 && back > up + 9, bench.codes().join());
  assert.equal(after[back]?.desired, 1);
  assert.match(after[back]?.reason ?? "", /1 → \d workers brought .* of .* expected/);
  const until = bench.state.ceiling?.untilMs ?? 0;
  const later = bench.feed({ ...bottleneck, seconds: (until - bench.nowMs) / 1000 - 1 });
  assert.ok(later.every((one) => one.desired === 1), bench.codes().join());
  assert.equal(bench.last.code, "no-effect-hold");
  // After the hold it is tried again, and then held for twice as long.
  bench.feed({ ...bottleneck, seconds: 30 });
  assert.equal(bench.state.ceiling?.holdMs, 240_000);
});

Deno.test("policy: until a step is judged there is none on top of it for the same load", () => {
  const bench = new Bench({ max: 8 }, 8);
  const eighths = (rate: number) => Array.from({ length: 8 }, () => rate / 8);
  bench.feed({ rates: eighths(8), seconds: 60 });
  const after = bench.feed({ rates: eighths(60), folds: eighths(12), seconds: 14 });
  assert.ok(after.some((one) => one.code === "settling"), bench.codes().join());
  const sizes = after.map((one) => one.desired).filter((one, i, all) => one !== all[i - 1]);
  assert.equal(sizes.length, 3, sizes.join());
  assert.deepEqual([sizes[0], sizes[2]], [1, 1]);
});

Deno.test("policy: another load may be stepped for in spite of a ceiling", () => {
  const bench = steadyBench();
  bench.feed({ rates: even(24), folds: even(12), seconds: 60 });
  assert.equal(bench.desired, 1);
  bench.feed({ rates: even(40), seconds: 5 });
  assert.equal(bench.desired, 4);
});

Deno.test("policy: a step up is not judged before its workers are ready", () => {
  const bench = steadyBench();
  const after = bench.feed({ rates: even(40), folds: even(12), seconds: 60, ready: 1 });
  assert.ok(after.every((one) => one.code !== "no-effect"));
  assert.ok(bench.desired > 1);
});

Deno.test("policy: bounds hold at once, also while nothing is known", () => {
  const bench = steadyBench();
  bench.settings = { ...bench.settings, min: 2 };
  bench.feed({ rates: even(8), seconds: 1, blind: true });
  assert.deepEqual([bench.desired, bench.last.code], [2, "bounds"]);
  bench.settings = { ...bench.settings, min: 0, max: 1 };
  bench.feed({ rates: even(8), seconds: 1 });
  assert.deepEqual([bench.desired, bench.last.code], [1, "bounds"]);
  assert.match(bench.last.reason, /Bounds: 0 to 1\.$/);
});

Deno.test("policy: a person's number holds until it is released, and is no flap", () => {
  const bench = steadyBench();
  bench.settings = { ...bench.settings, fixed: 3 };
  bench.feed({ rates: even(8), seconds: 120 });
  assert.deepEqual([bench.desired, bench.last.code], [3, "fixed"]);
  bench.settings = { ...bench.settings, fixed: 0 };
  bench.feed({ rates: even(8), seconds: 5 });
  assert.equal(bench.desired, 0);
  bench.settings = { ...bench.settings, fixed: null };
  bench.feed({ rates: even(8), seconds: 10 });
  assert.ok(bench.desired >= 1);
  assert.equal(bench.state.window.lengthMs, 30_000);
});

Deno.test("policy: a step down by a person makes no flap of what follows", () => {
  const bench = steadyBench();
  for (const fixed of [3, 1]) {
    bench.settings = { ...bench.settings, fixed };
    bench.feed({ rates: even(8), seconds: 20 });
  }
  bench.settings = { ...bench.settings, fixed: null };
  bench.feed({ rates: even(40), seconds: 5 });
  assert.equal(bench.desired, 4);
  assert.equal(bench.state.window.lengthMs, 30_000);
});

Deno.test("policy: where chance is small, a tenth above the capacity is pressure, and no less", () => {
  const workerRate = 12_000;
  for (const [share, code] of [[1.05, "steady"], [1.15, "up-arrival"]] as const) {
    const bench = new Bench();
    const folds = even(20_000);
    bench.feed({ rates: even(8_000), seconds: 60, workerRate, folds });
    const after = bench.feed({ rates: even(share * workerRate), seconds: 8, workerRate, folds });
    assert.ok(after.some((one) => one.code === code), `${share}: ${bench.codes().join()}`);
    assert.equal(bench.desired, share > 1.1 ? 2 : 1);
  }
});

Deno.test("policy: a jump for which the same worker is enough adds none", () => {
  // Slices of a few records say little of a worker: it folds far more once there is more to fold.
  const bench = new Bench();
  bench.feed({ rates: even(10), seconds: 60, workerRate: 400, folds: even(10) });
  assert.equal(bench.desired, 1);
  const since = bench.decisions.length;
  bench.feed({ rates: even(5_000), seconds: 30, workerRate: 9_000, folds: even(5_000) });
  assert.equal(bench.desired, 1);
  assert.ok(bench.decisions.slice(since).every(({ desired }) => desired === 1));
});

Deno.test("policy: a maximum of 0 means none, and says so", () => {
  const bench = new Bench({ max: 0 });
  bench.put(5);
  bench.feed({ rates: even(0), seconds: 3 });
  assert.deepEqual([bench.desired, bench.last.code], [0, "at-limit"]);
});

Deno.test("policy: a sample that is not newer changes nothing", () => {
  const bench = steadyBench();
  const before = bench.state;
  bench.give({ ...bench.sample(), atMs: bench.nowMs });
  assert.deepEqual([bench.state, bench.last.code], [before, "stale-sample"]);
});

Deno.test("policy: the next sample is wanted soon while something is going on", () => {
  const bench = new Bench();
  bench.feed({ rates: even(0), seconds: 1 });
  assert.equal(bench.last.sampleWithinMs, 10_000);
  bench.feed({ rates: even(8), seconds: 60 });
  assert.equal(bench.last.sampleWithinMs, 3000);
  bench.feed({ rates: even(40), seconds: 2 });
  assert.equal(bench.last.sampleWithinMs, 1000);
});

Deno.test("policy: a look is material if it changes the fleet or first shows pressure", () => {
  const bench = steadyBench();
  bench.nowMs += 250;
  assert.equal(isMaterial(bench.state, bench.sample(), bench.settings), false);
  bench.put(10, 10, 10, 10);
  const pressed = bench.sample();
  assert.equal(isMaterial(bench.state, pressed, bench.settings), true);
  bench.give(pressed);
  bench.nowMs += 250;
  assert.equal(isMaterial(bench.state, bench.sample(), bench.settings), false);
  const asleep = new Bench();
  asleep.feed({ rates: even(0), seconds: 1 });
  asleep.put(1);
  asleep.nowMs += 250;
  assert.equal(isMaterial(asleep.state, asleep.sample(), asleep.settings), true);
});

Deno.test("policy: the state is plain data, and stays small however often samples come", () => {
  const bench = steadyBench();
  bench.feed({ rates: even(40), seconds: 60, every: 0.25 });
  bench.feed({ rates: even(8), seconds: 700, every: 0.25 });
  const copy: unknown = JSON.parse(JSON.stringify(bench.state));
  assert.deepEqual(copy, bench.state);
  assert.ok(bench.state.points.length <= 45, `${bench.state.points.length} points`);
  assert.ok(bench.state.peaks.length <= 301, `${bench.state.peaks.length} peaks`);
});

// ---- properties

/** Anything that a sample may say of a topic of four partitions. */
const looks = fc.record({
  everyMs: fc.integer({ min: 200, max: 20_000 }),
  arrivals: fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 4, maxLength: 4 }),
  folds: fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 4, maxLength: 4 }),
  unknown: fc.option(fc.nat(3), { nil: null, freq: 8 }),
  blind: fc.nat(9).map((value) => value === 0),
  inFlight: fc.option(fc.nat(2), { nil: null, freq: 5 }),
  workerRate: fc.option(fc.double({ min: 1, max: 50, noNaN: true }), { nil: null, freq: 4 }),
  ready: fc.nat(5),
  startupMs: fc.option(fc.nat(5000), { nil: null }),
});
type Look = typeof looks extends fc.Arbitrary<infer T> ? T : never;

/** Looks that say much the same for a while: the ways down and to 0 are in those. */
const stretches = fc.tuple(looks, fc.integer({ min: 1, max: 40 }), fc.integer({ min: 0, max: 3 }))
  .map(([one, count, kind]): Look[] => {
    if (kind === 0) return [one];
    const everyMs = Math.min(one.everyMs, 5_000);
    const same = { ...one, everyMs, unknown: null, blind: false };
    const calm = { ...same, arrivals: [0, 0, 0, 0], folds: [9e9, 9e9, 9e9, 9e9], inFlight: 0 };
    return Array.from({ length: count }, () => kind === 1 ? same : calm);
  });
const histories = fc.array(stretches, { minLength: 1, maxLength: 12 }).map((all) => all.flat());

const bounds = fc.tuple(fc.nat(4), fc.nat(4)).map(([a, b]) => ({
  ...DEFAULT_POLICY,
  min: Math.min(a, b),
  max: Math.max(a, b),
}));

/** Turns looks into samples, one after the other. */
function samplesOf(history: readonly Look[]): FleetSample[] {
  let atMs = 0;
  const ends = [0, 0, 0, 0];
  const cursors = [0, 0, 0, 0];
  return history.map((one) => {
    atMs += one.everyMs;
    const partitions = ends.map((_, i) => {
      const end = (ends[i] ?? 0) + (one.arrivals[i] ?? 0);
      const cursor = Math.min(end, (cursors[i] ?? 0) + (one.folds[i] ?? 0));
      ends[i] = end;
      cursors[i] = cursor;
      return { partition: i, end: one.unknown === i ? null : end, cursor };
    });
    return {
      atMs,
      partitions: one.blind ? [] : partitions,
      inFlight: one.inFlight,
      workerRate: one.workerRate,
      ready: one.ready,
      starting: 0,
      draining: 0,
      startupMs: one.startupMs,
    };
  });
}

function run(samples: readonly FleetSample[], settings: PolicySettings) {
  let state = newPolicyState(settings.min);
  return samples.map((sample) => {
    const step = decide(state, sample, settings);
    state = step.state;
    return { ...step, sample };
  });
}

Deno.test("policy property: never outside of its bounds", () => {
  fc.assert(fc.property(histories, bounds, (history, settings) => {
    for (const { decision, state } of run(samplesOf(history), settings)) {
      assert.ok(decision.desired >= settings.min && decision.desired <= settings.max);
      assert.ok(Number.isInteger(decision.desired));
      assert.equal(state.desired, decision.desired);
    }
  }));
});

Deno.test("policy property: never to 0 with lag, work in flight, or missing data", () => {
  let toZero = 0;
  fc.assert(fc.property(histories, (history) => {
    for (const { decision, sample } of run(samplesOf(history), DEFAULT_POLICY)) {
      if (decision.desired > 0 || decision.previous === 0) continue;
      toZero++;
      assert.equal(sample.inFlight, 0);
      assert.equal(sample.partitions.length, 4);
      for (const { end, cursor } of sample.partitions) assert.ok(end !== null && end === cursor);
    }
  }));
  assert.ok(toZero > 0, "no history went to 0");
});

Deno.test("policy property: the fleet never changes on missing data", () => {
  fc.assert(fc.property(histories, (history) => {
    for (const { decision, sample } of run(samplesOf(history), DEFAULT_POLICY)) {
      const known = sample.partitions.some((one) => one.end !== null);
      if (!known) assert.equal(decision.desired, decision.previous);
      if (sample.partitions.some((one) => one.end === null)) {
        assert.ok(decision.desired >= decision.previous);
      }
    }
  }));
});

Deno.test("policy property: monotone in load: more in each partition never means fewer workers", () => {
  let ups = 0;
  fc.assert(
    fc.property(
      histories,
      fc.integer({ min: 0, max: 200 }),
      fc.integer({ min: 1, max: 200 }),
      (history, less, more) => {
        const steps = run(samplesOf(history), DEFAULT_POLICY);
        const state = steps.at(-1)?.state ?? newPolicyState(0);
        // A step whose effect is being judged is taken back because there is much to do.
        if (state.trial !== null) return;
        const last = steps.findLast(({ sample }) => sample.partitions.length > 0)?.sample;
        if (last === undefined) return;
        const withLoad = (load: number): FleetSample => ({
          ...last,
          atMs: (state.atMs ?? 0) + 1000,
          partitions: last.partitions.map((one) => ({
            ...one,
            end: one.end === null ? null : one.end + load,
          })),
        });
        const small = decide(state, withLoad(less), DEFAULT_POLICY).decision;
        const large = decide(state, withLoad(less + more), DEFAULT_POLICY).decision;
        if (large.desired > small.desired) ups++;
        assert.ok(
          large.desired >= small.desired,
          `${less}: ${small.desired} (${small.reason}), ${less + more}: ${large.desired} ` +
            `(${large.reason})`,
        );
      },
    ),
    { numRuns: 300 },
  );
  assert.ok(ups > 0, "no load made a difference");
});

Deno.test("policy property: the order in which partitions are listed does not matter", () => {
  fc.assert(fc.property(histories, (history) => {
    const samples = samplesOf(history);
    const turned = samples.map((sample) => ({
      ...sample,
      partitions: sample.partitions.toReversed(),
    }));
    assert.deepEqual(
      run(turned, DEFAULT_POLICY).map((one) => one.decision),
      run(samples, DEFAULT_POLICY).map((one) => one.decision),
    );
  }));
});

Deno.test("policy property: carried over as JSON at any moment, it goes on as before", () => {
  fc.assert(fc.property(histories, fc.nat(59), (history, cut) => {
    const samples = samplesOf(history);
    let state = newPolicyState(0);
    const carried = samples.map((sample, i) => {
      const text = JSON.stringify(state);
      const step = decide(i === cut ? JSON.parse(text) : state, sample, DEFAULT_POLICY);
      state = step.state;
      return step.decision;
    });
    assert.deepEqual(carried, run(samples, DEFAULT_POLICY).map((one) => one.decision));
  }));
});

Deno.test("policy property: a constant load with noise is left alone", () => {
  const noises = fc.array(fc.double({ min: -0.15, max: 0.15, noNaN: true }), {
    minLength: 600,
    maxLength: 600,
  });
  fc.assert(
    fc.property(noises, fc.constantFrom(2, 5, 8, 10), (noise, rate) => {
      const bench = new Bench();
      bench.feed({ rates: even(rate), seconds: 60 });
      for (const share of noise) bench.step({ rates: even(rate * (1 + share)), seconds: 1 }, 1);
      assert.ok(bench.decisions.slice(60).every((one) => one.desired === 1), bench.codes().join());
    }),
    { numRuns: 15 },
  );
});
