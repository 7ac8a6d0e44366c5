/**
 * The pipeline of the `spike` command: the default pipeline's events, each with a lookup of its
 * student's faculty, so that the time of an event is spent on waiting and a few workers are not
 * enough for a few dozen events a second.
 *
 * @module
 */

import { z } from "zod";
import { TidegateError } from "../core/errors.ts";
import { courseLoad, generateStudentLog, studentLog } from "./cs_student_logs.ts";
import { definePipeline, type EnrichContext, tumbling } from "../mod.ts";

/** The variable that says where the lookup service is, such as `http://127.0.0.1:8000`. */
export const LOOKUP_VARIABLE = "TIDEGATE_SPIKE_LOOKUP";

/** What the lookup service says of a student. */
export const studentFaculty = z.object({ faculty: z.string() });

/**
 * Asks the lookup service for a student's faculty.
 *
 * @throws {TidegateError} `TG_CONFIG` if nobody has said where the service is.
 */
export async function lookUpFaculty(
  log: z.output<typeof studentLog>,
  { signal }: Pick<EnrichContext, "signal">,
): Promise<z.input<typeof studentFaculty>> {
  const service = Deno.env.get(LOOKUP_VARIABLE);
  if (service === undefined || service === "") {
    throw new TidegateError(
      "TG_CONFIG",
      `Cannot look a student up: ${LOOKUP_VARIABLE} must be the URL of a lookup service, got nothing`,
      { next: `Use deno task spike, which serves one, or set ${LOOKUP_VARIABLE}.` },
    );
  }
  const url = `${service}/students/${encodeURIComponent(log.student_id)}`;
  const response = await fetch(url, { signal });
  if (response.ok) return await response.json();
  await response.body?.cancel();
  throw new Error(`${url} answered ${response.status}`);
}

/** Lines of code and processor load per course and 10 seconds, a lookup at a time. */
export default definePipeline({
  name: "spike",
  source: { topic: "spike.source", partitions: 8, recordKey: "student_id" },
  event: studentLog,
  eventTime: "event_time",
  watermark: { delay: "5s", idleAfter: "3s" },
  window: tumbling("10s"),
  enrich: lookUpFaculty,
  enrichment: {
    adds: studentFaculty,
    concurrency: 1,
    timeout: "5s",
    retries: 3,
    onFailure: "retry",
  },
  groupBy: ["course"],
  aggregates: courseLoad,
  generator: generateStudentLog,
});
