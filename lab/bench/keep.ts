/**
 * What a benchmark keeps: each row as a file of JSON with all that was measured, and what it was
 * measured on.
 *
 * @module
 */

import { join } from "node:path";
import type { Machine } from "../machine.ts";
import type { RowResult } from "./budgets.ts";
import { shell } from "./processes.ts";

/** The code that was measured. */
export interface Measured {
  /** The commit; null outside of a checkout. */
  readonly commit: string | null;
  /** Whether files of it were changed, other than documents. */
  readonly changed: boolean;
}

/** A row as it is kept. */
export interface KeptRow extends Measured, RowResult {
  /** The row's name. */
  readonly row: string;
  /** When it began, ISO. */
  readonly at: string;
  /** How often each engine was measured. */
  readonly pairs: number;
  /** The machine, and the versions on it. */
  readonly machine: Machine;
}

/** Which code this is. */
export async function measuredCode(): Promise<Measured> {
  const folder = new URL("../../", import.meta.url).pathname;
  const git = (args: string) => shell(`git -C '${folder}' ${args}`);
  const [commit, changes] = await Promise.all([
    git("rev-parse HEAD"),
    git("status --porcelain --untracked-files=no -- ':!docs'"),
  ]);
  return {
    commit: commit.trim() || null,
    changed: changes.trim() !== "",
  };
}

/** Keeps a row in a folder; gives the file. */
export async function keepRow(folder: string, row: KeptRow): Promise<string> {
  await Deno.mkdir(folder, { recursive: true });
  const file = join(folder, `${row.row}.json`);
  await Deno.writeTextFile(file, `${JSON.stringify(row, rounded, 1)}\n`);
  return file;
}

/** Figures of a measurement have no more than six digits that mean something. */
function rounded(_name: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isInteger(value)
    ? Number(value.toPrecision(6))
    : value;
}
