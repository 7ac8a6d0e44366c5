/**
 * `deno task run --until-drained`: drains what is there now, and ends.
 *
 * @module
 */

import { setTimeout } from "node:timers/promises";
import { TidegateError } from "../core/errors.ts";
import { gatherAccount, lookAt, type Snapshot } from "../cli/account.ts";
import { controlFor } from "../cli/control.ts";
import { interrupted, orInterrupted } from "../cli/exit.ts";
import { accountLines, statusLine } from "../cli/report.ts";
import { openSession } from "../cli/session.ts";
import type { Control } from "../processes/control/start.ts";
import type { Account } from "../core/flow/account.ts";
import { readSamples } from "../dashboard/server/samples.ts";
import type { Pipeline } from "../definition/define.ts";
import type { DrainView } from "../workflows/messages.ts";
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
      onLook: (snapshot) => {
        if (performance.now() < told + PROGRESS_MS) return;
        told = performance.now();
        say(statusLine(snapshot));
      },
    });
    const gathered = gatherAccount(control.workflows, control.generation);
    if (end === undefined) {
      say("interrupted: what is drained stays drained; run again to go on");
      // Temporal may be away: who has pressed Ctrl-C does not wait for it.
      isAway = await within(LEAVE_MS, gathered) === undefined;
      if (isAway) return 1;
    }
    const account = await gathered;
    if (flags.json) print(JSON.stringify(account));
    else accountLines(account).forEach(print);
    if (end !== undefined && flags.flush) {
      say("all windows are closed: events that come for them later are late");
    }
    if (!flags.json) {
      const { resultsTopic } = session.pipeline.plan;
      say(`the rows are in topic ${resultsTopic}; see them with: deno task windows`);
    }
    const badData = await nothingAggregated(control, session.pipeline, account);
    if (badData !== null) say(badData);
    return end !== undefined && account.ok && badData === null ? 0 : 1;
  } finally {
    await (isAway ? within(LEAVE_MS, control.stop()) : control.stop());
    ctrlC.dispose();
  }
}

/** Why nothing was aggregated although records were read, with a sample; null if something was. */
async function nothingAggregated(
  { reader, generation }: Control,
  { plan }: Pipeline,
  { events: { read, aggregated, invalid, skewed } }: Account,
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

/** What waiting is told. */
interface DrainedOptions {
  /** Whether to close all windows at the end. */
  readonly flush: boolean;
  /** Told of every look. */
  readonly onLook?: (snapshot: Snapshot) => void;
  /** Ends the wait; what is drained by then stays drained. */
  readonly interrupted: Promise<void>;
}

/**
 * Waits until every partition has reached its fixed end, or has stopped, and every window that the
 * watermark closes has closed. Gives the last look; undefined if the wait was ended early.
 *
 * @throws {TidegateError} The reason if the control process can't go on.
 */
async function untilDrained(
  control: Control,
  options: DrainedOptions,
): Promise<Snapshot | undefined> {
  const { workflows, generation } = control;
  const over = options.interrupted.then(() => undefined);
  const lost = control.lost.then((why) => Promise.reject(why));
  let flushed = !options.flush;
  for (;;) {
    // An answer may take half a minute where Temporal is away.
    const snapshot = await Promise.race([over, lost, lookAt(workflows, generation)]);
    if (snapshot === undefined) return undefined;
    options.onLook?.(snapshot);
    if (snapshot.drains.every(isAtRest)) {
      if (!flushed && snapshot.drains.every((drain) => drain.mode !== "stopped")) {
        await workflows.flush(generation);
        flushed = true;
        continue;
      }
      if (nothingDue(snapshot)) return snapshot;
    }
    await setTimeout(LOOK_MS);
  }
}

function isAtRest(drain: DrainView): boolean {
  if (drain.mode === "stopped" || drain.mode === "excluded") return true;
  return (drain.mode === "parked" || drain.mode === "idle") && drain.inDelivery === 0;
}

/** No open window has a time that the watermark has passed. */
function nothingDue({ clock }: Snapshot): boolean {
  const watermark = clock.watermark ?? -Infinity;
  return clock.open.every((window) =>
    watermark < window.final && (watermark < window.end || window.fired > 0)
  );
}
