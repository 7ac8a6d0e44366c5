/**
 * Which launcher keeps the workers of a control process.
 *
 * @module
 */

import { hostname } from "node:os";
import type { SweepProgress } from "../activities/sweep.ts";
import { sweepPollers } from "../adapters/temporal/server.ts";
import { podAccess } from "../adapters/launchers/kubernetes_access.ts";
import { createKubernetesLauncher } from "../adapters/launchers/kubernetes.ts";
import type { Launcher } from "../adapters/launchers/launcher.ts";
import { createExternalLauncher } from "../adapters/launchers/external.ts";
import { createProcessLauncher } from "../adapters/launchers/process.ts";
import { waitFor } from "../adapters/servers.ts";
import type { Client } from "../adapters/temporal/client.ts";
import type { WorkerSettings } from "./worker.ts";

/** Who starts the workers. */
export type LauncherChoice =
  /** The control process, as its children. */
  | { readonly kind: "process" }
  /** Somebody else, who is only told how many there are to be. */
  | { readonly kind: "external" }
  /** A Deployment of the Kubernetes cluster that the control process runs in. */
  | { readonly kind: "kubernetes"; readonly deployment: string };

/** What launchers need of the control process. */
export interface LauncherNeeds {
  /** The pipeline's name. */
  readonly pipeline: string;
  /** The generation that the workers sweep for. */
  readonly generation: number;
  /** The Temporal server. */
  readonly client: Client;
  /** What child processes are told. */
  readonly settings: WorkerSettings;
  /** Names the control process; the identities of its children begin with it. */
  readonly name: string;
  /** Told of what happens, in lines for people. */
  readonly say: (line: string) => void;
  /** Told when a child process has ended, and whether it left in order. */
  readonly onExit: (identity: string, expected: boolean) => Promise<void>;
  /** Told of every change of the fleet. */
  readonly onChange: () => void;
  /** Told how far the sweep of a child process has come. */
  readonly onProgress: (identity: string, progress: SweepProgress) => void;
}

/** What a worker process may do; ffi, for the Temporal SDK's native part, ends the sandbox. */
const WORKER_PERMISSIONS = [
  "--allow-net",
  "--allow-env",
  "--allow-sys",
  "--allow-read",
  "--allow-ffi",
];

/**
 * Makes the launcher of a control process.
 *
 * @param choice Who starts the workers.
 * @param needs What launchers need.
 * @returns The launcher.
 * @throws {TidegateError} `TG_CONFIG`, `TG_KUBERNETES`: see `adapters/launchers/kubernetes.ts`.
 */
export async function launcherFor(
  choice: LauncherChoice,
  needs: LauncherNeeds,
): Promise<Launcher> {
  const { pipeline, generation, client, settings, name, say, onExit, onChange, onProgress } = needs;
  const told = { say, onChange };
  switch (choice.kind) {
    case "process":
      return createProcessLauncher({
        command: Deno.execPath(),
        args: ["run", "--quiet", ...WORKER_PERMISSIONS, new URL("worker.ts", import.meta.url).href],
        input: JSON.stringify(settings),
        name,
        onExit,
        onProgress: (identity, text) => onProgress(identity, JSON.parse(text) as SweepProgress),
        ...told,
      });
    case "external":
      return createExternalLauncher({
        pollers: () => sweepPollers(client, pipeline, generation),
        ...told,
      });
    case "kubernetes": {
      const { deployment } = choice;
      const access = await podAccess(Deno.env.toObject());
      const options = { access, deployment, ...told };
      return await waitFor("Kubernetes", () => createKubernetesLauncher(options), say);
    }
  }
}

/** Stands in the identities of workers that no control process has started. */
const EXTERNAL = "-external-";

/**
 * The identity of a worker that no control process has started.
 *
 * @param pipeline The pipeline's name.
 * @returns The identity of this process.
 */
export function externalIdentity(pipeline: string): string {
  return `${pipeline}${EXTERNAL}${Deno.pid}@${hostname()}`;
}

/**
 * Tells what earlier control processes have left behind: their own activities, and those of their
 * children, which have ended with them. Workers of their own are not among them.
 *
 * @param own The identity of this control process.
 * @returns Whether the holder of an activity is dead.
 */
export function isLeftBehind(own: string): (identity: string) => boolean {
  return (identity) => identity !== own && !identity.includes(EXTERNAL);
}
