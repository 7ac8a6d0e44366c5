/**
 * `deno task run --until-drained`: drains what is there now, and ends.
 *
 * @module
 */

import { setTimeout } from "node:timers/promises";
import { TidegateError } from "../core/errors.ts";
import { auditGeneration } from "../cli/audit.ts";
import { controlFor } from "../cli/control.ts";
import { interrupted, orInterrupted } from "../cli/exit.ts";
import { auditLines, loadLine, stopLines } from "../cli/report.ts";
import { openSession } from "../cli/session.ts";
import type { Control } from "../processes/control/start.ts";
import type { Audit } from "../core/flow/audit.ts";
import { readSamples } from "../dashboard/server/samples.ts";
import type { Pipeline } from "../definition/define.ts";
import type { GenerationView } from "../workflows/messages.ts";
import { print, say } from "../cli/output.ts";
import type { Args } from "./specs.ts";

/** How often the run is looked at, in ms. */
const LOOK_MS = 200;
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

/** How waiting for the end goes. */
interface DrainedOptions {
  /** Whether to close all windows at the end. */
  readonly flush: boolean;
  /** Is called now and then while it waits. */
  readonly onLook: () => void;
  /** Ends the wait; what is drained by then stays drained. */
  readonly interrupted: Promise<void>;
}

/**
 * Waits until every partition has reached its fixed end, or has stopped, and every window that the
 * watermark closes has closed. Gives the last look; null if the wait was ended early.
 *
 * @throws {TidegateError} `TG_TOO_MANY_WINDOWS`, or the reason if the control process can't go on.
 */
async function untilDrained(
  { drain, load, lost }: Pick<Control, "drain" | "load" | "lost">,
  options: DrainedOptions,
): Promise<GenerationView | null> {
  const over = options.interrupted.then(() => null);
  const ended = lost.then((why) => Promise.reject(why));
  let isFlushed = !options.flush;
  let passed: GenerationView | null = null;
  for (;;) {
    // The drain tells what it is like whenever that changes: nobody is asked.
    const view = load.view;
    if (view !== null && view !== passed) {
      if (view.stuckBehind !== null) throw tooManyWindows(view.stuckBehind);
      if (view.drained) {
        if (isFlushed || view.partitions.some((p) => p.mode === "stopped")) return view;
        passed = view;
        const flushed = await Promise.race([over, ended, drain.flush()]);
        if (flushed === null) return null;
        isFlushed = true;
        if (flushed.drained) return flushed;
        continue;
      }
    }
    options.onLook();
    const waited = await Promise.race([over, ended, setTimeout(LOOK_MS, undefined)]);
    if (waited === null) return null;
  }
}

function tooManyWindows(parked: readonly number[]): TidegateError {
  const which = parked.length === 1 ? `partition ${parked[0]}` : `partitions ${parked.join(", ")}`;
  const word = parked.length === 1 ? "has" : "have";
  return new TidegateError(
    "TG_TOO_MANY_WINDOWS",
    `Cannot go on: as many windows are open as there may be, and only ${which} could close them, ` +
      `which ${word} nothing more to read in this run`,
    {
      next: `Give ${parked.length === 1 ? "it" : "them"} up with deno task exclude --partition N ` +
        "and run again; --flush closes windows only when all is read.",
    },
  );
}
