/**
 * Plays many schedules of the model: `deno run tests/model/run.ts --schedules 100000 --seed 1`.
 * Needs no permission. Exit 1 if a promise is broken, with the seed and the number of the schedule.
 *
 * @module
 */

import { helpText, integer, parseCommand, word } from "../../cli/args.ts";
import { firstViolation, playSchedule } from "./play.ts";
import { MUTATIONS } from "./mutations.ts";

const COMMAND = {
  name: "model",
  summary: "Plays random schedules of the protocol on the real rules of core/, with crashes, " +
    "delays, repeated and lost calls, and checks the promises I1 to I5 at every step.",
  flags: {
    schedules: integer({ min: 1 }).prefault("10000").describe("How many schedules."),
    seed: integer({ min: 0 }).prefault("1").describe("The seed of the run."),
    only: integer({ min: 0 }).optional().describe("Play this schedule alone."),
    without: word(MUTATIONS).optional()
      .describe("Take a rule out, and play until that is noticed."),
  },
};
const PROGRESS_MS = 5_000;

function main(): number {
  const { help, flags } = parseCommand(COMMAND, Deno.args);
  if (help) {
    console.log(helpText(COMMAND));
    return 0;
  }
  const { schedules, seed, only, without } = flags;
  if (without !== undefined) {
    const found = firstViolation(seed, schedules, without);
    console.log(
      found === undefined
        ? `${without}: not noticed in ${schedules} schedules (seed ${seed})`
        : `${without}: noticed after ${found.schedules} schedules: ${found.violation}`,
    );
    return found === undefined ? 1 : 0;
  }
  return only === undefined ? playMany(seed, schedules) : playOne(seed, only);
}

function playOne(seed: number, index: number): number {
  const { violation, records, tally } = playSchedule(seed, index);
  console.log(`schedule ${index} of seed ${seed}: ${records} records, ${violation ?? "ok"}`);
  console.log(Object.fromEntries([...tally].sort()));
  return violation === null ? 0 : 1;
}

function playMany(seed: number, schedules: number): number {
  const began = performance.now();
  let told = began;
  let records = 0;
  let reproducible = 0;
  const tally = new Map<string, number>();
  console.log(`seed ${seed}, ${schedules} schedules`);
  for (let index = 0; index < schedules; index++) {
    const result = playSchedule(seed, index);
    if (result.violation !== null) {
      console.error(`schedule ${index} of seed ${seed}: ${result.violation}`);
      console.error(`again: deno run tests/model/run.ts --seed ${seed} --only ${index}`);
      return 1;
    }
    records += result.records;
    if (result.reproducible) reproducible += 1;
    for (const [what, count] of result.tally) tally.set(what, (tally.get(what) ?? 0) + count);
    const now = performance.now();
    if (now - told < PROGRESS_MS) continue;
    told = now;
    console.log(
      `${index + 1} schedules, ${Math.round((index + 1) * 1000 / (now - began))} a second`,
    );
  }
  const seconds = (performance.now() - began) / 1000;
  console.log(
    `${schedules} schedules of seed ${seed}: no violation. ${records} records, ${reproducible} ` +
      `schedules without lateness by the floor, ${Math.round(schedules / seconds)} a second`,
  );
  for (const [what, count] of [...tally].sort()) {
    console.log(`${String(count).padStart(12)} ${what}`);
  }
  return 0;
}

if (import.meta.main) Deno.exit(main());
