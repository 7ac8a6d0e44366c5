/**
 * How a pod reaches the API server of its cluster: the files of its service account.
 *
 * @module
 */

import { TidegateError } from "../../core/errors.ts";
import type { ClusterAccess } from "./kubernetes_scale.ts";

export type { ClusterAccess } from "./kubernetes_scale.ts";

/** Where a cluster puts the files of a pod's service account. */
export const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/** Access that can be given up. */
export interface PodAccess extends ClusterAccess {
  /** Closes its connections. */
  close(): void;
}

/**
 * Reads how this pod reaches its cluster's API server.
 *
 * @param env The environment: `KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT`.
 * @param folder The folder of the service account's files.
 * @returns The access.
 * @throws {TidegateError} `TG_CONFIG` if this is no pod, or one without a token.
 */
export async function podAccess(
  env: Readonly<Record<string, string | undefined>>,
  folder: string = SERVICE_ACCOUNT,
): Promise<PodAccess> {
  const host = env.KUBERNETES_SERVICE_HOST;
  const port = env.KUBERNETES_SERVICE_PORT;
  if (!host || !port) {
    throw new TidegateError(
      "TG_CONFIG",
      "Cannot use TIDEGATE_LAUNCHER=kubernetes: it must run in a pod, and KUBERNETES_SERVICE_HOST " +
        "and KUBERNETES_SERVICE_PORT are not set",
      { next: "Run it in the cluster (deploy/kubernetes/), or set TIDEGATE_LAUNCHER=external." },
    );
  }
  const [ca, namespace] = await Promise.all([
    serviceAccountFile(folder, "ca.crt"),
    serviceAccountFile(folder, "namespace"),
  ]);
  const client = Deno.createHttpClient({ caCerts: [ca] });
  return {
    server: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
    namespace: namespace.trim(),
    token: async () => (await serviceAccountFile(folder, "token")).trim(),
    fetch: (url, init) => fetch(url, { ...init, client }),
    close: () => client.close(),
  };
}

async function serviceAccountFile(folder: string, name: string): Promise<string> {
  try {
    return await Deno.readTextFile(`${folder}/${name}`);
  } catch (cause) {
    throw new TidegateError(
      "TG_CONFIG",
      `Cannot read ${folder}/${name}: the pod must have a service account with a token`,
      { cause, next: "Set serviceAccountName, and leave automountServiceAccountToken on." },
    );
  }
}
