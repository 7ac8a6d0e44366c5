/**
 * Serves the live page of a pipeline.
 *
 * @module
 */

import { deadline } from "../../adapters/deadline.ts";
import type { PipelineObserver } from "../../activities/observer.ts";
import type { RunPlan } from "../../core/plan.ts";
import { Model, type Seen, type Shown } from "./model.ts";
import { EventStream } from "./event_stream.ts";
import { metricsText } from "./metrics.ts";
import { type PageServer, startPageServer } from "./server.ts";

/** How often figures are taken and sent, in ms. */
const SECOND_MS = 1_000;
/** How the servers answer is told to a program by a look that is at most so old, in ms. */
const FRESH_MS = 1_000;
/** A program is given what is known if a look takes longer, in ms. */
const PATIENCE_MS = 3_000;

/** The presenter's load. */
export interface DemoLoad {
  /** Whether it runs. */
  readonly running: boolean;
  /** Starts it. */
  start(): void;
  /** Stops it. */
  stop(): void;
}

/** What a dashboard is made of. */
export interface DashboardOptions {
  /** The address that it listens on; only loopback keeps it to this machine. */
  readonly host: string;
  /** The port; 0 takes any free one. */
  readonly port: number;
  /** The pipeline's plan. */
  readonly plan: RunPlan;
  /** The address of the Temporal Web UI; null if it is not known. */
  readonly webUi: string | null;
  /** The Temporal namespace. */
  readonly namespace: string;
  /**
   * The fixed fleet that costs are compared with.
   * @default {4}
   */
  readonly staticWorkers?: number;
  /**
   * The presenter's load; without it the page is read-only.
   * @default {null}
   */
  readonly demo?: DemoLoad | null;
}

/** A running dashboard. */
export interface Dashboard {
  /** The page's address. */
  readonly url: string;
  /** Belongs to the observers of the control process. */
  readonly watch: PipelineObserver;
  /** The control process is up: its figures are shown from now on. */
  attach(control: Shown): Promise<void>;
  /** The control process ends: the page says so. */
  ending(why: string | null): void;
  /** Ends it. */
  stop(): Promise<void>;
}

/**
 * Starts to serve the page; before the control process, so that a port that is taken is told at
 * once and the page can say that it is starting.
 *
 * @throws {TidegateError} `TG_PORT_TAKEN`, `TG_CONFIG`.
 */
export async function startDashboard(options: DashboardOptions): Promise<Dashboard> {
  const { plan, webUi, namespace, demo = null, staticWorkers = 4 } = options;
  const { windowing, groupBy, aggregates } = plan;
  const model = new Model({
    plan,
    loading: demo === null ? null : () => demo.running,
    pipeline: plan.pipeline,
    topic: plan.topic,
    sizeMs: windowing.sizeMs,
    slideMs: windowing.slideMs,
    delayMs: plan.delayMs,
    latenessMs: plan.latenessMs,
    groupBy,
    aggregates: aggregates.map(({ name }) => name),
    workflowUrl: webUi === null
      ? null
      : `${webUi.replace(/\/$/, "")}/namespaces/${encodeURIComponent(namespace)}/workflows/`,
    staticWorkers,
  });
  const stream = new EventStream();
  let seen: Seen = model.seen;
  const fresh = async () => {
    model.ask();
    await deadline(model.refresh(FRESH_MS), PATIENCE_MS);
  };
  const server: PageServer = await startPageServer({
    host: options.host,
    port: options.port,
    stream,
    figures: {
      async state() {
        await fresh();
        return model.state();
      },
      async metrics() {
        await fresh();
        return metricsText(model, stream);
      },
      async ready() {
        await fresh();
        const problems = model.health().problems.filter(({ level }) => level === "error");
        return { ok: model.ready, problems: problems.map(({ text }) => text) };
      },
      snapshot: () => model.state(),
    },
    load: demo === null ? null : (on) => on ? demo.start() : demo.stop(),
  });
  const timer = setInterval(() => {
    void model.second(stream.readers > 0);
    const changes = model.changes(seen);
    seen = model.seen;
    stream.send("change", changes);
    stream.beat();
  }, SECOND_MS);
  return {
    url: server.url,
    watch: model.monitor.watch,
    attach: (control) => model.attach(control),
    ending(why) {
      model.end(why);
      stream.send("change", model.changes(seen));
    },
    async stop() {
      clearInterval(timer);
      demo?.stop();
      await server.stop();
    },
  };
}
