/**
 * Starting Temporal's dev server.
 *
 * @module
 */
import { join } from "node:path";
import type { Launch } from "./plan.ts";
import { LOCALHOST } from "./ports.ts";
import { temporalServes } from "./probe_temporal.ts";

/**
 * Go's collector runs less often, within a bound. Measured on 2 cores with signals to 150 workflows,
 * in pairs: 13 to 33 % less CPU a signal, with the same memory after it.
 */
const GO_RUNTIME = { GOGC: "800", GOMEMLIMIT: "1GiB" };

/**
 * Settings without which every dispatch waits: measured 2026-11-22, a sequential activity takes
 * 100 ms with the defaults and 13 ms with these; a timer of 50 ms takes 1 s and 61 ms (design §9,
 * `platform.md` D). Values are JSON, hence the quotes.
 */
export const DEV_SERVER_SETTINGS: Readonly<Record<string, string>> = {
  "history.transferProcessorMaxPollRPS": "2000",
  "history.timerProcessorMaxPollRPS": "2000",
  "history.timerProcessorMaxTimeShift": '"50ms"',
  // A queue in one piece: with the four that are usual, a few pollers find tasks late and unfairly.
  "matching.numTaskqueueReadPartitions": "1",
  "matching.numTaskqueueWritePartitions": "1",
};

/** What differs from one dev server to the next. */
export interface DevServerConfig {
  /** The database's file, absolute. */
  readonly database: string;
  /** Port of the gRPC frontend. */
  readonly port: number;
  /** Port of the Web UI. */
  readonly uiPort: number;
}

/** The arguments of `temporal` for a dev server. */
export function devServerArgs(config: DevServerConfig): string[] {
  const settings = Object.entries(DEV_SERVER_SETTINGS)
    .flatMap(([name, value]) => ["--dynamic-config-value", `${name}=${value}`]);
  return [
    ...["server", "start-dev", "--ip", LOCALHOST],
    ...["--port", String(config.port), "--ui-port", String(config.uiPort)],
    ...["--db-filename", config.database],
    // Durable across the death of the process; only a power cut could cost the last commits.
    ...["--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=NORMAL"],
    ...settings,
    ...["--log-level", "error", "--color", "never"],
  ];
}

/**
 * Prepares the database's folder.
 *
 * @param program The `temporal` program.
 * @param dir Folder of the database, absolute.
 * @param ports Port of the frontend, port of the Web UI.
 * @returns What to start.
 */
export async function configureTemporal(
  program: string,
  dir: string,
  ports: readonly [port: number, uiPort: number],
): Promise<Launch> {
  await Deno.mkdir(dir, { recursive: true });
  const [port, uiPort] = ports;
  const address = `${LOCALHOST}:${port}`;
  return {
    invocation: {
      program,
      args: devServerArgs({ database: join(dir, "temporal.db"), port, uiPort }),
      env: GO_RUNTIME,
    },
    address,
    webUi: `http://${LOCALHOST}:${uiPort}`,
    ready: () => temporalServes(address),
  };
}
