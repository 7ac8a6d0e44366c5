/**
 * Reports to the clock.
 *
 * @module
 */

import type { LocalActivities } from "../workflows/activities.ts";
import { type ControlTools, named } from "./activity.ts";

/** The activity. */
export function createReport(
  { windows, observer }: Pick<ControlTools, "windows" | "observer">,
): LocalActivities["report"] {
  return async ({ clockId, report }) => {
    const answer = await named(() => windows.report(clockId, report));
    observer.reported(report, answer);
    return answer;
  };
}
