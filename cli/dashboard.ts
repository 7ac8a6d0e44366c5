/**
 * The live page of a session.
 *
 * @module
 */

import { type Dashboard, type DemoLoad, startDashboard } from "../dashboard/server/mod.ts";
import { TidegateError } from "../core/errors.ts";
import { runPlanOf } from "../core/plan.ts";
import type { Session } from "./session.ts";

/**
 * Starts the live page of a session's pipeline.
 *
 * @param session The session.
 * @param demo The presenter's load; null for a page that changes nothing.
 * @returns The dashboard; its `watch` belongs to the watches of the control process, which is then
 * handed to `attach`.
 * @throws {TidegateError} `TG_PORT_TAKEN`, `TG_CONFIG`.
 */
export function dashboardFor(session: Session, demo: DemoLoad | null = null): Promise<Dashboard> {
  const { config, pipeline, temporal, webUi } = session;
  return startDashboard({
    host: config.host,
    port: config.port,
    plan: runPlanOf(pipeline.plan),
    webUi: config.webUi ?? webUi,
    namespace: temporal.namespace,
    demo,
  });
}

/**
 * Starts the live page of a passing pipeline, which may run beside another one: if the port is taken
 * it takes any free one.
 *
 * @param session The session.
 * @returns The dashboard.
 * @throws {TidegateError} `TG_CONFIG`.
 */
export async function passingDashboardFor(session: Session): Promise<Dashboard> {
  try {
    return await dashboardFor(session);
  } catch (error) {
    if (!(error instanceof TidegateError && error.code === "TG_PORT_TAKEN")) throw error;
    return await dashboardFor({ ...session, config: { ...session.config, port: 0 } });
  }
}
