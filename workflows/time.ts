/**
 * The one place where workflow code reads the time: in a workflow, `Date.now()` is Temporal's
 * replayed time, not the machine's.
 *
 * @module
 */

/**
 * The workflow's time.
 *
 * @returns Epoch ms, the same in every replay.
 */
export function workflowNow(): number {
  // deno-lint-ignore tidegate/determinism
  return Date.now();
}
