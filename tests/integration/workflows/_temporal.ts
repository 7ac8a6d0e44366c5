/**
 * Where the tests of the workflows find a Temporal server. Without the permissions for it, nothing is
 * read and the tests are ignored.
 *
 * @module
 */

import type { TemporalSettings } from "../../../adapters/temporal/client.ts";

/** Whether a test may load Temporal's native library and talk to a server. */
export const MAY_RUN: boolean = (["run", "read", "write", "net", "env", "sys", "ffi"] as const)
  .every((name) => Deno.permissions.querySync({ name }).state === "granted");

/** The Temporal server for tests. */
export const TEMPORAL: TemporalSettings = {
  address: (MAY_RUN ? Deno.env.get("TIDEGATE_TEST_TEMPORAL") : undefined) ?? "",
  namespace: "default",
};

/** Whether tests that need the server are left out. */
export const NO_TEMPORAL: boolean = TEMPORAL.address === "";
