/**
 * `deno task spike`: the paper's load test. One producer, three more at once, one again; the fleet
 * begins at 0 workers and follows the load.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { connectTemporal } from "../adapters/temporal/client.ts";
import { createPipelineClient } from "../adapters/temporal/pipeline_client.ts";
import { TidegateError } from "../core/errors.ts";
import { derivePipeline } from "../definition/define.ts";
import { LOOKUP_VARIABLE } from "../pipelines/load_test.ts";
import { startLookupService } from "../producer/mod.ts";
import {
  loadTestPage,
  type LoadTestReport,
  reportLines,
  workerRateLines,
} from "../lab/load_test/report.ts";
import { interrupted, parentGone } from "../cli/exit.ts";
import { auditLines } from "../cli/report.ts";
import { removePipeline } from "../lab/scratch.ts";
import { openSession, type Session } from "../cli/session.ts";
import { loadTestReport } from "../lab/load_test/make_report.ts";
import { runLoadTest } from "../lab/load_test/run.ts";
import { Screen, screenOn } from "../lab/load_test/screen.ts";
import { print } from "../cli/output.ts";
import type { Args } from "./specs.ts";

/** The pipeline's name: nobody else's. */
const NAME = "tidegate-spike";
/** With a lookup, each event takes a while; without one, a worker folds as fast as it can. */
const WITH_LOOKUP = "../pipelines/load_test.ts";
const WITHOUT_LOOKUP = "../pipelines/cs_student_logs.ts";
/** Partitions by the key of the records: courses are few, and on few partitions some are hot. */
const PARTITIONS = { student_id: 8, course: 4 } as const;

/** Of a lookup's time so much goes to the way there and back, in ms; the service takes the rest. */
const WAY_MS = 2;

/** What the command does. */
export async function action({ flags, settings }: Args<"spike">): Promise<number> {
  const stream = flags.json ? Deno.stderr : Deno.stdout;
  const screen = new Screen(screenOn(stream));
  const show = (lines: readonly string[]) => lines.forEach(screen.line);
  const keyedBy = flags["keyed-by"] === "course" ? "course" : "student_id";
  const enrichMs = flags["enrich-ms"];
  const file = fileURLToPath(
    new URL(enrichMs > 0 ? WITH_LOOKUP : WITHOUT_LOOKUP, import.meta.url),
  );
  const opened = await openSession({ ...settings, pipeline: file });
  const changes = { delayMs: 5_000, idleAfterMs: 3_000 };
  const pipeline = { ...derivePipeline(opened.pipeline, NAME, changes), recordKey: keyedBy };
  const session = { ...opened, pipeline };
  await refuseAnother(session);

  const stop = new AbortController();
  const ctrlC = interrupted();
  const parent = await parentGone();
  void Promise.race([ctrlC.promise, parent.promise]).then(() => stop.abort());
  const closing: (() => Promise<unknown>)[] = [() => removePipeline(session, "the spike is over")];
  try {
    await removePipeline(session, "another spike begins");
    if (enrichMs > 0) {
      const lookups = startLookupService({ delayMs: Math.max(1, enrichMs - WAY_MS) });
      closing.push(() => lookups.stop());
      Deno.env.set(LOOKUP_VARIABLE, lookups.url);
    }
    if (session.webUi !== null) show([`Temporal Web UI: ${session.webUi}`]);
    const { rate, zero, price = null, baseline, spike, cooldown } = flags;
    const partitions = flags.partitions ?? PARTITIONS[keyedBy];
    const run = await runLoadTest({
      session,
      rate,
      partitions,
      seconds: { baseline, spike, cooldown },
      zero,
      screen,
      stop,
      closing,
    });
    if (run === null) {
      show(["interrupted: what it made is removed"]);
      return 1;
    }
    const { minWorkers: min, maxWorkers: max, dataDir, filesAt = "" } = session.config;
    const options = { rate, enrichMs, keyedBy, partitions };
    const report = loadTestReport(run, { options, bounds: { min, max }, price });
    const lines = [
      ...workerRateLines(report.workerRate, enrichMs),
      "",
      ...reportLines(report, auditLines(run.audit)),
    ];
    const file = `${dataDir}/reports/spike-${new Date().toISOString().replaceAll(":", "-")}.html`;
    await Deno.mkdir(`${dataDir}/reports`, { recursive: true });
    await Deno.writeTextFile(file, loadTestPage(report, lines));
    const page = `${filesAt}${file}`;
    show(["", ...lines, `page: ${page}`, outcome(report)]);
    if (flags.json) print(JSON.stringify({ ...report, audit: run.audit, page }));
    return report.ok ? 0 : 1;
  } finally {
    for (const close of closing.reverse()) await close();
    ctrlC.dispose();
    parent.dispose();
  }
}

/** The last line. */
function outcome({ ok, judged }: LoadTestReport): string {
  if (!ok) return "THE SPIKE FAILED";
  return judged ? "the spike has passed" : "the account and every window hold";
}

/** A spike would remove what another one is working with. */
async function refuseAnother({ temporal, pipeline: { plan } }: Session): Promise<void> {
  const client = await connectTemporal(temporal);
  try {
    const workflows = createPipelineClient(client, plan);
    if (!await workflows.exists() || !await workflows.answers()) return;
  } finally {
    await client.connection.close();
  }
  throw new TidegateError("TG_CONTROL_RUNNING", "Another spike is running on these servers", {
    next: "Wait for its end, or stop it with Ctrl-C.",
  });
}
