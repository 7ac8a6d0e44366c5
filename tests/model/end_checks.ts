/**
 * What must hold when a schedule has come to its end.
 *
 * @module
 */

import { type Account, accountOf } from "../../core/flow/account.ts";
import { isSame, Violation } from "./audit.ts";
import { type Expected, expectedOf, type ExpectedRow } from "./oracle.ts";
import type { Simulation } from "./simulation.ts";

/**
 * Checks the account (I4), and every row against one that was computed straight from the topic (I5).
 *
 * @param sim The simulation.
 * @throws {Violation} If anything differs.
 */
export function checkEnd(sim: Simulation): void {
  const running = [...sim.windows.values()].filter((window) => window.isRunning);
  // What a terminated window held can't be told any more.
  const terminated = new Set(
    [...sim.windows].flatMap(([id, window]) => window.terminated ? [startOf(id)] : []),
  );
  const account = accountOf(
    sim.drains.flatMap((drain) =>
      drain === null
        ? []
        : [{ ...drain.state.snapshot(), inDelivery: drain.state.pairsInDelivery, stop: null }]
    ),
    sim.clock.timers.totals,
    sim.clock.timers.lost,
    running.map(({ state }) => state),
  );
  checkOffsets(sim);
  if (sim.audit.tampered.size > 0) return checkTampered(sim, account, terminated.size > 0);
  if (terminated.size === 0) checkAccount(sim, account);
  const partitions = sim.scenario.partitions.map(({ records }, p) => ({
    records,
    segments: sim.audit.segments.get(p) ?? [],
  }));
  const expected = expectedOf(sim.scenario.plan, partitions, true);
  checkCounts(account, expected);
  checkSide(sim, expected.side);
  const isTold = (id: string) => !terminated.has(startOf(id));
  const rows = new Map([...rowsOf(sim)].filter(([id]) => isTold(id)));
  compare("I5", rows, new Map([...expected.rows].filter(([id]) => isTold(id))));
  if (account.events.lateByFloor === 0) {
    const { rows: floorless } = expectedOf(sim.scenario.plan, partitions, false);
    compare("I5 without floor", rows, new Map([...floorless].filter(([id]) => isTold(id))));
  } else if (sim.scenario.mode === "bounded" && !sim.rejoined) {
    throw new Violation("a bounded run had events that were late by the floor");
  }
  if (running.length > 0) return;
  for (const [id, row] of sim.audit.sink) {
    if (!row.final && isTold(id)) throw new Violation(`row ${id} is not final`);
  }
}

/** The last revisions, and what open windows hold. */
function rowsOf({ audit, windows }: Simulation): Map<string, ExpectedRow> {
  const rows = new Map<string, ExpectedRow>(audit.sink);
  for (const [id, window] of windows) {
    if (!window.isRunning) continue;
    const cells = audit.rowsOf({ start: Number(startOf(id)), shard: 0 }, window.state.cells());
    for (const [key, row] of cells) rows.set(key, row);
  }
  return rows;
}

/** The start of a window, from its name or from that of a row. */
function startOf(id: string): string {
  return id.split(/[/|]/)[0] ?? "";
}

function checkAccount({ windows }: Simulation, account: Account): void {
  const wrong = account.problems.filter((problem) => !problem.endsWith("offsets skipped"));
  if (wrong.length > 0) throw new Violation(`account: ${wrong.join("; ")}`);
  if (account.windows.closed + account.windows.open !== windows.size) {
    throw new Violation(`account: ${JSON.stringify(account.windows)} of ${windows.size} windows`);
  }
}

function checkCounts({ events, pairs: { assigned, missed } }: Account, expected: Expected): void {
  const counts = new Map(Object.entries({ ...events, assigned, missed }));
  for (const [name, count] of Object.entries(expected.counts)) {
    const got = counts.get(name);
    if (got !== count) throw new Violation(`${name} is ${got}, must be ${count}`);
  }
}

/** Where a window has closed too early, rows are wrong, but nothing may vanish (I4). */
function checkTampered(sim: Simulation, account: Account, isTerminated: boolean): void {
  const { audit, dropped } = sim;
  const { events, pairs: { assigned, closed, open, inDelivery, missed } } = account;
  const placed = closed + open + inDelivery + missed;
  if (!isTerminated && assigned !== placed + audit.gone) {
    throw new Violation(`I4: ${assigned} pairs, but ${placed} and ${audit.gone} refused`);
  }
  const late = sideOf(sim).filter((id) => id.endsWith("/late")).length;
  if (!dropped && late !== events.late) {
    throw new Violation(`I4: ${events.late} are late, but ${late} on the side topic`);
  }
  if (audit.gone > 0 && account.ok) throw new Violation("I4: the account does not tell");
}

/** I1: the runs of offsets follow each other; only what was skipped lies between. */
function checkOffsets({ audit, drains }: Simulation): void {
  for (const [p, drain] of drains.entries()) {
    const { cursor, skippedOffsets } = drain?.state.snapshot() ?? { cursor: 0, skippedOffsets: 0 };
    const segments = audit.segments.get(p) ?? [];
    const folded = segments.reduce((sum, { from, to }) => sum + to - from, 0);
    if (folded + skippedOffsets !== cursor) {
      throw new Violation(`I1: partition ${p}: ${folded} + ${skippedOffsets} of ${cursor}`);
    }
  }
}

/** Every reject is on its topic, and nothing else is. */
function checkSide(sim: Simulation, side: ReadonlySet<string>): void {
  for (const id of side) {
    if (!sim.audit.side.has(id)) throw new Violation(`I4: ${id} is on no side topic`);
  }
  const more = sideOf(sim).find((id) => !side.has(id));
  if (!sim.dropped && more !== undefined) throw new Violation(`I4: ${more} is on a side topic`);
}

/** What is on the side topics of the offsets that were folded; attempts may have gone beyond. */
function sideOf({ audit, drains }: Simulation): string[] {
  return [...audit.side].filter((id) => {
    const [partition, offset] = id.split("/");
    return Number(offset) < (drains[Number(partition)]?.state.snapshot().cursor ?? 0);
  });
}

function compare(
  what: string,
  got: ReadonlyMap<string, ExpectedRow>,
  expected: ReadonlyMap<string, ExpectedRow>,
): void {
  for (const [id, row] of expected) {
    const other = got.get(id);
    if (other === undefined) throw new Violation(`${what}: row ${id} is missing`);
    if (!isSame(other, row)) {
      throw new Violation(
        `${what}: row ${id} is ${JSON.stringify(other)}, must be ${JSON.stringify(row)}`,
      );
    }
  }
  const more = [...got.keys()].find((id) => !expected.has(id));
  if (more !== undefined) throw new Violation(`${what}: row ${more} is too many`);
}
