/**
 * What was kept of the benchmark, as the manual shows it.
 *
 * @module
 */

import { markdownTable } from "../../cli/output.ts";
import type { KeptRow } from "./keep.ts";

/** The rows in the order of the table. */
export const ROW_ORDER: readonly string[] = [
  "backlog",
  "partitions-64",
  "backlog-20m",
  "keys-10000",
  "windows",
  "live-4",
  "live-64",
  "calm-4",
  "calm-64",
  "idle",
  "fold",
  "crash",
  "fleet",
];

/** The budgets as they came out, and below what they were measured on. */
export function budgetsTable(kept: readonly KeptRow[]): string {
  const place = ({ row }: KeptRow) => ROW_ORDER.indexOf(row);
  const rows = [...kept].sort((a, b) => place(a) - place(b));
  if (rows.length === 0) return "Nothing has been kept yet.\n";
  const judged = rows.flatMap((row) =>
    row.judged.map(({ what, goal, measured, met }) => [
      what,
      goal,
      measured,
      [met === null ? "–" : met ? "met" : "**missed**", ...(row.noisy ? ["noisy"] : [])].join(", "),
    ])
  );
  const runs = rows.map((row) => [
    `\`${row.row}\``,
    row.at.slice(0, 16).replace("T", " "),
    row.commit === null ? "–" : row.commit.slice(0, 7) + (row.changed ? " and changes" : ""),
    String(row.pairs),
    quietOf(row.data),
  ]);
  return [
    markdownTable(["what", "goal", "measured: median (range)", "outcome"], judged),
    ...machines(rows),
    markdownTable(["row", "measured (UTC)", "commit", "pairs", "idle before; others"], runs),
  ].join("\n");
}

function machines(rows: readonly KeptRow[]): string[] {
  const all = rows.map(({ machine: { cores, cpu, memoryGiB, os, versions } }) => {
    const named = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
    return `${cores} × ${cpu}, ${memoryGiB} GiB, ${os}; ${named.join(", ")}.\n`;
  });
  return [...new Set(all)];
}

/** How quiet the parts of a row were: the least idle one, and the most that others used. */
function quietOf(data: unknown): string {
  const idle: number[] = [];
  const others: number[] = [];
  const look = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    for (const [name, inner] of Object.entries(value)) {
      if (typeof inner !== "number") look(inner);
      else if (name === "idleShare") idle.push(inner);
      else if (name === "othersCores") others.push(inner);
    }
  };
  look(data);
  if (idle.length === 0) return "–";
  const percent = (n: number) => `${Math.round(n * 100)} %`;
  const least = `${percent(Math.min(...idle))} to ${percent(Math.max(...idle))}`;
  return others.length === 0 ? least : `${least}; ${Math.max(...others).toFixed(2)} cores`;
}
