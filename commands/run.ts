/**
 * `deno task run --until-drained`: drains what is there now, and ends.
 *
 * @module
 */

import { setTimeout } from "node:timers/promises";
import { TidegateError } from "../core/errors.ts";
import { auditGeneration } from "../cli/audit.ts";
import { controlFor } from "../cli/control.ts";
import { untilDrained } from "../cli/drained.ts";
import { interrupted, orInterrupted } from "../cli/exit.ts";
import { auditLines, loadLine, stopLines } from "../cli/report.ts";
import { openSession } from "../cli/session.ts";
import type { Control } from "../processes/control/start.ts";
import type { Audit } from "../core/flow/audit.ts";
import { readSamples } from "../dashboard/server/samples.ts";
import type { Pipeline } from "../definition/define.ts";
import { print, say } from "../cli/output.ts";
import type { Args } from "./specs.ts";

/** How often the progress is told, in ms. */
const PROGRESS_MS = 2_000;
/** How long each step of leaving after Ctrl-C may take, in ms. */
const LEAVE_MS = 2_000;
/** How much of a record is shown as a sample. */
const SAMPLE_CHARS = 200;

/** What the command does. */
export async function action({ flags, settings }: Args<"run">): Promise<number> {
  if (!flags["until-drained"]) {
    throw new TidegateError("TG_USAGE", "Cannot run without --until-drained", {
      next: "To run without an end, use: deno task start",
    });
  }
  const session = await openSession(settings);
  const ctrlC = interrupted();
  const control = await orInterrupted(
    controlFor(session, { ...flags, workers: flags.workers ?? 1 }, "drain"),
    ctrlC.promise,
  );
  let isAway = false;
  let told = performance.now();
  try {
    const end = await untilDrained(control, {
      flush: flags.flush,
      interrupted: ctrlC.promise,
      onLook() {
        if (performance.now() < told + PROGRESS_MS) return;
        told = performance.now();
        const line = loadLine(control.load);
        if (line !== null) say(line);
      },
    });
    const gathered = auditGeneration(control, session.pipeline.plan);
    if (end === null) {
      say("interrupted: what is drained stays drained; run again to go on");
      // Temporal may be away: who has pressed Ctrl-C does not wait for it.
      isAway = await within(LEAVE_MS, gathered) === undefined;
      if (isAway) return 1;
    }
    const audit = await gathered;
    if (flags.json) print(JSON.stringify(audit));
    else auditLines(audit).forEach(print);
    const stops = end === null ? [] : stopLines(end);
    stops.forEach(say);
    if (stops.length > 0) {
      say("deno task status says why; then deno task resume or deno task exclude");
    } else if (end !== null && flags.flush) {
      say("all windows are closed: events that come for them later are late");
    }
    if (!flags.json) {
      const { resultsTopic } = session.pipeline.plan;
      say(`the rows are in topic ${resultsTopic}; see them with: deno task windows`);
    }
    const badData = await nothingAggregated(control, session.pipeline, audit);
    if (badData !== null) say(badData);
    return end !== null && audit.ok && badData === null ? 0 : 1;
  } finally {
    await (isAway ? within(LEAVE_MS, control.stop()) : control.stop());
    ctrlC.dispose();
  }
}

/** Why nothing was aggregated although records were read, with a sample; null if something was. */
async function nothingAggregated(
  { reader, generation }: Control,
  { plan }: Pipeline,
  { events: { read, aggregated, invalid, skewed } }: Audit,
): Promise<string | null> {
  if (aggregated > 0 || invalid + skewed === 0) return null;
  const samples = await readSamples(reader, plan, generation);
  const sample = samples.find(({ kind }) => kind !== "late");
  const example = sample === undefined
    ? ""
    : `; such as ${sample.kind} (${sample.reason}${
      sample.path === "" ? "" : ` at ${sample.path}`
    }` +
      `: ${sample.message}) at partition ${sample.partition}, offset ${sample.offset}: ` +
      sample.value.slice(0, SAMPLE_CHARS);
  return `NOTHING WAS AGGREGATED: of ${read} records ${invalid} are invalid and ${skewed} skewed` +
    `${example}. All are in topic ${plan.invalidTopic}, each with its reason`;
}

/** What work gives; undefined where it fails or takes longer. */
async function within<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  return await Promise.race([work.catch(() => undefined), setTimeout(ms, undefined)]);
}
