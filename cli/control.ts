/**
 * What a session starts: a control process, and the live page beside it.
 *
 * @module
 */

import { type Control, type ControlOptions, startControl } from "../processes/control/start.ts";
import type { PipelineObserver } from "../activities/observer.ts";
import { TidegateError } from "../core/errors.ts";
import { runPlanOf, type StartPosition } from "../core/plan.ts";
import { type Dashboard, type DemoLoad, startDashboard } from "../dashboard/server/start.ts";
import { parseInstant } from "../core/event_time/instants.ts";
import { say } from "./output.ts";
import type { Config } from "./config.ts";
import { inDataFolder, type Session } from "./session.ts";

/** The values of the flags that say how a control process runs. */
export interface ControlFlags {
  /** A fixed number of worker processes; by load if left out. */
  readonly workers: number | undefined;
  /** Whether to begin a new generation. */
  readonly "new-generation": boolean;
  /**
   * Whether a person says that changed code means the same.
   * @default {false}
   */
  readonly "same-meaning"?: boolean;
  /** Where it begins. */
  readonly from: string | undefined;
}

/**
 * Starts a control process for a session.
 *
 * @param mode Whether to go live, or to drain up to the present ends.
 * @param observers Are told of what happens in the pipeline.
 */
export function controlFor(
  session: Session,
  flags: ControlFlags,
  mode: ControlOptions["mode"],
  observers: readonly PipelineObserver[] = [],
): Promise<Control> {
  const { config, pipeline, pipelineFile, kafka, temporal } = session;
  const { launcher: kind, deployment } = config;
  if (flags.workers !== undefined && flags.workers > config.maxWorkers) {
    throw new TidegateError(
      "TG_USAGE",
      `Cannot start ${flags.workers} workers: --workers must be at most TIDEGATE_MAX_WORKERS ` +
        `(${config.maxWorkers})`,
    );
  }
  const from = flags.from === undefined ? undefined : startPosition(flags.from);
  if (from !== undefined && !flags["new-generation"]) {
    throw new TidegateError(
      "TG_USAGE",
      "Cannot use --from without --new-generation: a generation keeps its position",
    );
  }
  return inDataFolder(config, () =>
    startControl({
      // What is a setting of the same name is handed on as it is.
      ...config,
      pipeline,
      pipelineFile,
      kafka,
      temporal,
      launcher: kind === "kubernetes" ? { kind, deployment } : { kind },
      fleet: {
        min: config.minWorkers,
        max: config.maxWorkers,
        workers: flags.workers ?? null,
        idleToZeroMs: config.idleToZeroMs,
      },
      deliverEveryMs: deliverEveryMs(config),
      mode,
      observers,
      newGeneration: flags["new-generation"],
      sameMeaning: flags["same-meaning"] ?? false,
      ...(from === undefined ? {} : { from }),
      say,
    }));
}

/** How often a window that stays open gets its cells, in ms; null for never. */
export function deliverEveryMs({ deliverMs }: Pick<Config, "deliverMs">): number | null {
  return deliverMs === 0 ? null : deliverMs;
}

function startPosition(text: string): StartPosition {
  if (text === "earliest" || text === "latest") return text;
  const time = parseInstant(text);
  if (time !== undefined) return time;
  throw new TidegateError(
    "TG_USAGE",
    `Cannot start from "${text}": --from must be earliest, latest, or an ISO time with an offset`,
  );
}

/**
 * Starts the live page of a session's pipeline. Its `watch` belongs to the observers of the control
 * process, which is then handed to `attach`.
 *
 * @param demo The presenter's load; null for a page that changes nothing.
 * @throws {TidegateError} `TG_PORT_TAKEN`, `TG_CONFIG`.
 */
export async function dashboardFor(
  session: Session,
  demo: DemoLoad | null = null,
): Promise<Dashboard> {
  const { config, pipeline, temporal, webUi } = session;
  const dashboard = await startDashboard({
    host: config.host,
    port: config.port,
    plan: runPlanOf(pipeline.plan),
    webUi,
    namespace: temporal.namespace,
    demo,
  });
  return { ...dashboard, url: config.pageUrl ?? dashboard.url };
}

/**
 * Starts the live page of a passing pipeline, which may run beside another one: if the port is taken
 * it takes any free one.
 *
 * @throws {TidegateError} `TG_CONFIG`.
 */
export async function passingDashboardFor(session: Session): Promise<Dashboard> {
  try {
    return await dashboardFor(session);
  } catch (error) {
    if (!(error instanceof TidegateError && error.code === "TG_PORT_TAKEN")) throw error;
    return await dashboardFor({
      ...session,
      config: { ...session.config, port: 0, pageUrl: undefined },
    });
  }
}
