/**
 * The hash of the code that folds: control process and workers compare it, so that nobody folds by
 * other rules than those that the state is made by.
 *
 * @module
 */

import type { Fingerprint } from "../core/plan.ts";

/** The hash of a definition by its fingerprint. */
export async function codeHashOf(fingerprint: Fingerprint): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(fingerprint));
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...hash.slice(0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
