/**
 * Plays many schedules of the flow model: `deno run tests/flow_model/run.ts --schedules 100000`.
 * Needs no permission. Exit 1 if a promise is broken, with the seed and the number of the schedule.
 *
 * @module
 */

import { helpText, integer, parseCommand, toggle } from "../../cli/args.ts";
import { play } from "./play.ts";

const COMMAND = {
  name: "flow model",
  summary:
    "Plays random schedules on the real rules of drain and window, with faults of everything " +
    "around them, and compares the results with a recomputation.",
  flags: {
    schedules: integer({ min: 1 }).prefault("10000").describe("How many schedules."),
    seed: integer({ min: 0 }).prefault("1").describe("The seed of the run."),
    only: integer({ min: 0 }).optional().describe("Play this schedule alone."),
    all: toggle().describe("Go on after the first violation, and count the kinds."),
  },
};

function main(): number {
  const { help, flags } = parseCommand(COMMAND, Deno.args);
  if (help) {
    console.log(helpText(COMMAND));
    return 0;
  }
  const { schedules, seed, only, all } = flags;
  if (only !== undefined) {
    const { violation, tally, faults, steps } = play(seed, only);
    console.log({ violation, faults, steps }, new Map([...tally].sort()));
    return violation === null ? 0 : 1;
  }
  const began = performance.now();
  const tally = new Map<string, number>();
  const kinds = new Map<string, [count: number, first: number, text: string]>();
  let several = 0;
  for (let index = 0; index < schedules; index++) {
    const played = play(seed, index);
    if (played.faults.length >= 3) several += 1;
    for (const [what, n] of played.tally) tally.set(what, (tally.get(what) ?? 0) + n);
    if (played.violation === null) continue;
    if (!all) {
      console.log(
        `broken in schedule ${index} (--seed ${seed} --only ${index}): ${played.violation}`,
      );
      return 1;
    }
    const kind = played.violation.replaceAll(/-?\d+/g, "#").slice(0, 60);
    const known = kinds.get(kind);
    kinds.set(kind, [(known?.[0] ?? 0) + 1, known?.[1] ?? index, known?.[2] ?? played.violation]);
  }
  const seconds = (performance.now() - began) / 1000;
  for (const [what, n] of [...tally].sort()) console.log(`${String(n).padStart(12)}  ${what}`);
  console.log(
    `${schedules} schedules (seed ${seed}) in ${seconds.toFixed(1)} s; ` +
      `${Math.round(several / schedules * 100)} % with three kinds of faults or more`,
  );
  for (const [kind, [count, first, text]] of kinds) {
    console.log(`${count} × ${kind}\n     first in ${first}: ${text.slice(0, 900)}`);
  }
  return kinds.size === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(main());
