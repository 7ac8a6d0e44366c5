/**
 * A made-up load test: points, phases and decisions to judge.
 *
 * @module
 */

import type { FleetDecision } from "../../../core/scaling/state.ts";
import type { Judged } from "../../../lab/load_test/judge.ts";
import type { PhaseSpan, TimelinePoint } from "../../../lab/load_test/record.ts";

/** A point, `[s, what differs from the point before]`. */
export type Change = readonly [seconds: number, change: Partial<Omit<TimelinePoint, "atMs">>];

/** How things stand before anything has happened. */
const NOTHING: TimelinePoint = {
  atMs: 0,
  sent: 0,
  folded: 0,
  desired: 0,
  starting: 0,
  ready: 0,
  draining: 0,
  watermarkDelayMs: null,
};

/** Points from what changes, each standing until the next. */
export function pointsOf(...changes: readonly Change[]): TimelinePoint[] {
  let last = NOTHING;
  return changes.map(([seconds, change]) => last = { ...last, ...change, atMs: seconds * 1000 });
}

/** A phase from and to some seconds. */
export function span(
  name: PhaseSpan["name"],
  from: number,
  to: number,
  producers = 1,
): PhaseSpan {
  return { name, fromMs: from * 1000, toMs: to * 1000, producers };
}

/** The paper's run: 1 worker, 4 of them 3 s after the step at 45 s, 1 again 40 s after that at 105 s. */
export const POINTS: readonly TimelinePoint[] = pointsOf(
  [0, { desired: 1, ready: 1, sent: 10, folded: 10 }],
  [44, { sent: 450, folded: 445 }],
  [45, {}],
  [46.5, { sent: 510, folded: 460, desired: 4, starting: 3 }],
  [48, { sent: 570, folded: 480, starting: 0, ready: 4 }],
  [60, { sent: 1_050, folded: 1_020 }],
  [105, { sent: 2_850, folded: 2_840 }],
  [145, { sent: 3_250, folded: 3_245, desired: 1, ready: 1, draining: 3 }],
  [147, { draining: 0, sent: 3_270, folded: 3_265 }],
  [180, { sent: 3_600, folded: 3_595 }],
);

/** That run to be judged. */
export const RUN: Judged = {
  points: POINTS,
  phases: [
    span("baseline", 0, 45),
    span("spike", 45, 105, 4),
    span("cooldown", 105, 180),
  ],
  expected: { low: 1, peak: 4 },
  rate: 10,
  zero: null,
};

/** A decision. */
export function decided(
  seconds: number,
  code: FleetDecision["code"],
  previous: number,
  desired: number,
  hot: readonly number[] = [],
): FleetDecision {
  return {
    atMs: seconds * 1000,
    code,
    previous,
    desired,
    reason: `${code} for ${desired}.`,
    sampleWithinMs: 1_000,
    inputs: {
      arrival3: null,
      arrival10: null,
      arrival30: null,
      lag: null,
      backlog: null,
      workerRate: null,
      load: null,
      inFlight: null,
      ready: previous,
      starting: 0,
      draining: 0,
      hot,
    },
  };
}
