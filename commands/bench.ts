/**
 * `deno task bench`: every budget beside its goal. A figure of one machine is worth little: the
 * ratios are.
 *
 * @module
 */

import { columns, print, say } from "../cli/output.ts";
import { readConfig } from "../cli/session.ts";
import { TidegateError } from "../core/errors.ts";
import { type BudgetRow, type Judged, ROWS } from "../lab/bench/budgets.ts";
import { withServers } from "../lab/bench/context.ts";
import { keepRow, type KeptRow, measuredCode } from "../lab/bench/keep.ts";
import { FLINK_PIN } from "../lab/bench/peers/flink/build.ts";
import { describeMachine } from "../lab/machine.ts";
import type { Args } from "./specs.ts";

/** What the command does. */
export async function action({ flags, settings }: Args<"bench">): Promise<number> {
  if (flags.list) {
    columns(ROWS.map(({ name, what }) => [name, what])).forEach(print);
    return 0;
  }
  const config = readConfig(settings);
  const rows = chosen(flags.only);
  const code = await measuredCode();
  const kept: KeptRow[] = [];
  for (const { name, what, run } of rows) {
    say(`${name}: ${what}`);
    const at = new Date().toISOString();
    const { pairs, seconds, patience } = flags;
    const row = await withServers(config, { pairs, seconds, patience }, async (context) => {
      const { broker, temporal } = context.stack;
      const machine = describeMachine({
        [broker.product.toLowerCase()]: broker.version,
        temporal: temporal.version,
        flink: FLINK_PIN.flink,
      });
      const result = await run(context, flags.events);
      return { row: name, at, ...code, pairs, machine, ...result };
    });
    kept.push(row);
    for (const one of row.judged) say(`  ${one.what}: ${one.measured} (goal ${one.goal})`);
    if (flags.keep !== undefined) say(`  kept in ${await keepRow(flags.keep, row)}`);
  }
  if (flags.json) print(JSON.stringify(kept));
  else table(kept).forEach(print);
  return kept.every(({ right }) => right) ? 0 : 1;
}

function chosen(only: string | undefined): readonly BudgetRow[] {
  if (only === undefined) return ROWS;
  return only.split(",").map((name) => {
    const row = ROWS.find((one) => one.name === name);
    if (row !== undefined) return row;
    throw new TidegateError(
      "TG_USAGE",
      `Cannot measure "${name}": --only must name rows, separated by commas`,
      { next: `There are ${ROWS.map((one) => one.name).join(", ")}.` },
    );
  });
}

function table(kept: readonly KeptRow[]): string[] {
  return columns([
    ["what", "goal", "measured", ""],
    ...kept.flatMap(({ judged, noisy, right }) =>
      judged.map((one) => [one.what, one.goal, one.measured, verdict(one, noisy, right)])
    ),
  ]);
}

function verdict({ met }: Judged, noisy: boolean, right: boolean): string {
  const words = met === null ? "not judged" : met ? "met" : "MISSED";
  return [words, ...(noisy ? ["noisy"] : []), ...(right ? [] : ["WRONG RESULTS"])].join(", ");
}
