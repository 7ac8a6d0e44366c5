/**
 * The default pipeline: logs of computer-science students at work, summed up per course over
 * windows of 10 seconds. `lines_of_code` and `cpu_usage_pct` are what an editor reports.
 *
 * @module
 */

import type { Faker } from "@faker-js/faker";
import { z } from "zod";
import { avg, definePipeline, type GeneratorContext, sum, tumbling } from "../mod.ts";

/** How many students there are. */
export const STUDENTS = 240;

/** The courses they are enrolled in. */
export const COURSES = [
  "CS-101",
  "CS-118",
  "CS-204",
  "CS-212",
  "CS-230",
  "CS-301",
  "CS-315",
  "CS-420",
] as const;

/** What they do, how often, and how many lines of code come of it at most. */
const ACTIVITIES = [
  { weight: 8, value: { activity: "coding", maxLines: 60 } },
  { weight: 4, value: { activity: "debugging", maxLines: 15 } },
  { weight: 3, value: { activity: "testing", maxLines: 25 } },
  { weight: 3, value: { activity: "reading", maxLines: 0 } },
  { weight: 2, value: { activity: "refactoring", maxLines: 40 } },
  { weight: 1, value: { activity: "reviewing", maxLines: 0 } },
];

/** What a log says. */
export const studentLog = z.object({
  student_id: z.string(),
  course: z.string(),
  activity: z.string(),
  lines_of_code: z.number().min(0),
  cpu_usage_pct: z.number().min(0).max(100),
  event_time: z.string(),
});

/** What is computed per course. */
export const courseLoad = { total_loc: sum("lines_of_code"), avg_cpu: avg("cpu_usage_pct") };

/** Makes a log. */
export function generateStudentLog(
  faker: Faker,
  { timeMs }: GeneratorContext,
): z.input<typeof studentLog> {
  const { activity, maxLines } = faker.helpers.weightedArrayElement(ACTIVITIES);
  return {
    student_id: `s-${String(faker.number.int({ min: 1, max: STUDENTS })).padStart(4, "0")}`,
    course: faker.helpers.arrayElement(COURSES),
    activity,
    lines_of_code: faker.number.int({ min: 0, max: maxLines }),
    cpu_usage_pct: faker.number.float({ min: 1, max: 99, fractionDigits: 1 }),
    event_time: new Date(timeMs).toISOString(),
  };
}

/** Lines of code and processor load per course and 10 seconds. */
export default definePipeline({
  name: "cs_student_logs",
  source: { topic: "cs_student_logs", partitions: 4, recordKey: "student_id" },
  event: studentLog,
  eventTime: "event_time",
  watermark: { delay: "1m" },
  window: tumbling("10s"),
  groupBy: ["course"],
  aggregates: courseLoad,
  generator: generateStudentLog,
});
