/**
 * Compares the rows that were emitted with those that the raw topic comes to.
 *
 * @module
 */

import type { Account } from "../../core/flow/account.ts";
import type { ResultRow } from "../../core/flow/row.ts";

/** What comparing came to. */
export interface Comparison {
  /** How many windows were compared. */
  readonly windows: number;
  /** How many rows were compared. */
  readonly rows: number;
  /** Rows that differ, are missing or are too many, for people; a line each. */
  readonly differences: readonly string[];
  /** Whether all are equal, bit for bit. */
  readonly ok: boolean;
}

/** Compared is all that the topic's content decides: not when and in how many steps it was emitted. */
type Content = Pick<ResultRow, "window" | "key" | "events" | "values">;

/** Rows, and the counts of the events that they are made of. */
export interface Outcome {
  /** The last revision of every row. */
  readonly rows: readonly ResultRow[];
  /** Events by what became of them, as in the account. */
  readonly events: Account["events"];
}

/**
 * Compares rows and counts exactly.
 *
 * @param live What the pipeline emitted and counted.
 * @param again What the topic comes to.
 * @returns The comparison.
 */
export function compareRows(live: Outcome, again: Outcome): Comparison {
  const expected = again.rows;
  const found = new Map(live.rows.map((row) => [placeOf(row), row]));
  const wanted = new Map(expected.map((row) => [placeOf(row), row]));
  const differences = Object.entries(again.events).flatMap(([name, count]) => {
    const counted = Object.entries(live.events).find(([other]) => other === name)?.[1];
    return counted === count ? [] : [`${name} events: counted ${counted}, recomputed ${count}`];
  });
  for (const place of [...new Set([...wanted.keys(), ...found.keys()])].sort()) {
    const got = found.get(place);
    const want = wanted.get(place);
    if (got === undefined) differences.push(`${place}: was not emitted`);
    else if (want === undefined) differences.push(`${place}: is not in the topic`);
    else if (!got.final) differences.push(`${place}: is not final`);
    else if (contentOf(got) !== contentOf(want)) {
      differences.push(`${place}: emitted ${contentOf(got)}, recomputed ${contentOf(want)}`);
    }
  }
  return {
    windows: new Set(expected.map(({ window }) => window.start)).size,
    rows: wanted.size,
    differences,
    ok: differences.length === 0,
  };
}

function placeOf({ window, key }: Content): string {
  return `${window.start} ${JSON.stringify(key)}`;
}

/** JSON writes a number so that reading it gives the same bits. */
function contentOf({ events, values }: Content): string {
  const sorted = Object.entries(values).sort(([a], [b]) => a < b ? -1 : 1);
  return JSON.stringify({ events, values: Object.fromEntries(sorted) });
}
