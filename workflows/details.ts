/**
 * What people see in the Temporal Web UI: details, and the Markdown they are written in; and the details of the supervisor.
 *
 * @module
 */

import { setCurrentDetails } from "@temporalio/workflow";
import { formatInstant } from "../core/event_time/instants.ts";
import type { FleetState } from "../core/scaling/fleet.ts";
import type { SupervisorState } from "../core/flow/lease.ts";
import type { DecisionInputs } from "../core/scaling/state.ts";

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

/**
 * A Markdown table. Cells are escaped, so that the content of events is shown as text.
 *
 * @param head The column heads.
 * @param rows The cells.
 * @returns The table's text.
 */
export function table(head: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const line = (cells: readonly unknown[]) => `| ${cells.map(text).join(" | ")} |`;
  return [line(head), `|${head.map(() => "---").join("|")}|`, ...rows.map(line)].join("\n");
}

/**
 * A time for people.
 *
 * @param ms Epoch ms, or null.
 * @returns ISO, or a dash.
 */
export function instant(ms: number | null): string {
  return ms === null ? "–" : formatInstant(ms);
}

/**
 * Escapes what may hold anything, so that Markdown shows it as it is, on one line.
 *
 * @param value A text, a number, a value of a key.
 * @returns The text, without a character that means something to Markdown or HTML.
 */
export function text(value: unknown): string {
  return String(value).replace(/[\\|`*_{}[\]<>#&~!]/g, (c) => `&#${c.charCodeAt(0)};`)
    .replace(/[\r\n]+/g, " ");
}

/**
 * The fleet in a word, the value of `TidegateFleet`.
 *
 * @param fleet The fleet.
 * @returns Such as `2/4`: two workers wanted, four allowed.
 */
export function fleetWord({ policy, bounds }: FleetState): string {
  return `${policy.desired}/${bounds.max}`;
}

/**
 * The details.
 *
 * @param state The lease and the generation.
 * @param fleet The fleet.
 * @returns Markdown.
 */
export function supervisorDetails(state: SupervisorState, fleet: FleetState): string {
  const { lease, generation } = state;
  const holder = lease === null
    ? "none"
    : `${text(lease.owner.host)}, pid ${lease.owner.pid}, since ${instant(lease.sinceMs)}`;
  const { policy, bounds, override, last, slots, noProgress, decisions } = fleet;
  const set = override === null
    ? `${bounds.min} to ${bounds.max} by load`
    : `${override.workers}, set by ${override.by === "start" ? "`--workers`" : "a person"}`;
  const states = Object.entries(slots?.states ?? {}).filter(([, count]) => count > 0)
    .map(([name, count]) => `${count} ${text(name)}`);
  return [
    `**Generation ${generation}**; control process: ${holder}`,
    `**Workers: ${policy.desired} wanted** (${set}); ${states.join(", ") || "none up"}`,
    ...(last === null ? [] : [`${instant(last.atMs)}: ${text(last.reason)}`]),
    ...(slots?.problems ?? []).map((problem) => `PROBLEM: ${text(problem)}`),
    ...noProgress.map(({ partition, sinceMs }) =>
      `PROBLEM: partition ${partition} makes no progress since ${instant(sinceMs)}`
    ),
    table(
      ["time", "workers", "why", "arrivals/s (3, 10, 30 s)", "lag", "worker rate", "ready"],
      decisions.toReversed().map(({ atMs, previous, desired, reason, inputs }) => [
        instant(atMs),
        previous === desired ? desired : `${previous} → ${desired}`,
        reason,
        rates(inputs),
        inputs.lag ?? "–",
        figure(inputs.workerRate),
        inputs.ready,
      ]),
    ),
  ].join("\n\n");
}

function rates({ arrival3, arrival10, arrival30 }: DecisionInputs): string {
  return [arrival3, arrival10, arrival30].map(figure).join(", ");
}

function figure(value: number | null): string {
  if (value === null) return "–";
  return value < 100 ? value.toFixed(1) : String(Math.round(value));
}
