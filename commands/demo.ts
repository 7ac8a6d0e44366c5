/**
 * `deno task demo`: the whole path in about a minute, on a pipeline of its own.
 *
 * @module
 */

import { createKafkaAdmin } from "../adapters/kafka/admin.ts";
import { createKafkaReader } from "../adapters/kafka/reader.ts";
import { createKafkaJsWriter } from "../adapters/kafka/kafkajs_writer.ts";
import type { ResultRow } from "../core/flow/row.ts";
import { derivePipeline } from "../definition/define.ts";
import { ensureSourceTopic, produce } from "../producer/mod.ts";
import { auditGeneration } from "../cli/audit.ts";
import { controlFor } from "../cli/control.ts";
import { interrupted, parentGone } from "../cli/exit.ts";
import { auditLines, loadLine } from "../cli/report.ts";
import { followResults, rowLines, writtenRows } from "../cli/rows.ts";
import { allClosed, removePipeline } from "../lab/scratch.ts";
import { openSession, type Session } from "../cli/session.ts";
import { print } from "../cli/output.ts";
import type { Args } from "./specs.ts";

/** How often the state is told, in ms. */
const STATUS_MS = 5_000;
/** How long the last windows may take to close after the last event, beyond delay and size. */
const LAST_CLOSE_MS = 30_000;

/** What the command does. */
export async function action({ flags, settings }: Args<"demo">): Promise<number> {
  const opened = await openSession(settings);
  const pipeline = derivePipeline(opened.pipeline, "demo", { delayMs: 5_000, idleAfterMs: 3_000 });
  const session = { ...opened, pipeline };
  const ctrlC = interrupted();
  const parent = await parentGone();
  const stop = new AbortController();
  void Promise.race([ctrlC.promise, parent.promise]).then(() => stop.abort());
  await using closing = new AsyncDisposableStack();
  closing.defer(() => {
    ctrlC.dispose();
    parent.dispose();
  });
  closing.defer(() => removePipeline(session, "the demo is over"));
  await removePipeline(session, "another demo begins");
  return await show(session, flags, stop, closing);
}

async function show(
  session: Session,
  { seconds, rate, partitions: wanted }: Args<"demo">["flags"],
  stop: AbortController,
  closing: AsyncDisposableStack,
): Promise<number> {
  const { kafka, pipeline, webUi } = session;
  const { plan } = pipeline;
  const admin = createKafkaAdmin(kafka);
  const reader = createKafkaReader(kafka);
  const writer = createKafkaJsWriter(kafka);
  for (const client of [admin, reader, writer]) closing.defer(() => client.close());
  const { topic } = plan;
  const { partitions } = await ensureSourceTopic(
    { topic, partitions: wanted },
    admin,
    reader,
  );
  const fleet = { workers: 1, "new-generation": false, from: undefined };
  const control = await controlFor(session, fleet, "live");
  closing.defer(() => control.stop());

  print(
    `\n${rate} events/s for ${seconds} s into 10-second windows per course; the watermark`,
  );
  print("follows 5 s behind the largest event time, so a window closes 5 s after its end.");
  if (webUi !== null) print(`Watch the windows in the Temporal Web UI: ${webUi}\n`);
  const following = followResults(reader, plan.resultsTopic, printClosed, stop.signal);
  const status = setInterval(() => {
    const line = loadLine(control.load);
    if (line !== null) print(`          ${line}`);
  }, STATUS_MS);
  closing.defer(async () => {
    clearInterval(status);
    stop.abort();
    await following;
  });
  await produce(
    {
      pipeline,
      partitions,
      rate,
      seed: 1,
      seconds,
      disorderMs: 3_000,
      lateShare: 0.01,
      invalidShare: 0.005,
      skewedShare: 0.005,
    },
    writer,
    { signal: stop.signal },
  );
  if (stop.signal.aborted) return 1;
  print(
    "no more events: the partitions become idle, and the last windows close once silence is confirmed",
  );
  const closedAll = await allClosed(control, LAST_CLOSE_MS, stop.signal);
  clearInterval(status);
  if (stop.signal.aborted) return 1;
  const audit = await auditGeneration(control, plan);
  print("");
  auditLines(audit).forEach(print);
  if (webUi !== null) {
    print(`\nThe windows stay to be looked at: ${webUi}`);
    print("The servers stay up; stop them with: deno task stack down");
  }
  return audit.ok && closedAll ? 0 : 1;
}

function printClosed(rows: readonly ResultRow[]): void {
  const last = rows.at(-1);
  if (last === undefined) return;
  print(`\nclosed at watermark ${last.watermark}:`);
  rowLines(writtenRows(rows, { open: [] })).forEach((line) => print(`  ${line}`));
}
