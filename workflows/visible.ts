/**
 * What a person sees of a workflow in the Temporal Web UI: search attributes and details.
 *
 * @module
 */

import { setCurrentDetails, upsertSearchAttributes } from "@temporalio/workflow";

/**
 * Sets Tidegate's search attributes that change in a workflow's life.
 *
 * @param state The value of `TidegateState`.
 * @param events The value of `TidegateEvents`; unchanged if left out.
 */
export function showState(state: string, events?: number): void {
  upsertSearchAttributes([
    { key: { name: "TidegateState", type: "KEYWORD" }, value: state },
    ...(events === undefined
      ? []
      : [{ key: { name: "TidegateEvents", type: "INT" as const }, value: events }]),
  ]);
}

/**
 * Sets the workflow's current details, once for the whole run: they are written only when somebody
 * looks at them. Written anew with every change, those of a window with 3,000 cells took 16 ms of
 * each signal's 22 ms.
 *
 * The SDK keeps what it is given and puts it into the answer to its metadata query, as JSON: so an
 * object that JSON writes as a text will do, although the SDK's types know only finished texts.
 *
 * @param write Writes them; sees the workflow's state, and must not change it.
 */
export function showDetails(write: () => string): void {
  const details: unknown = { toJSON: write, toString: write };
  setCurrentDetails(details as string);
}
