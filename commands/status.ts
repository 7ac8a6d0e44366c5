/**
 * `deno task status`: how the pipeline stands.
 *
 * @module
 */

import type { FleetState } from "../core/scaling/fleet.ts";
import { lagOf, totalLag } from "../core/scaling/load.ts";
import { formatInstant } from "../core/event_time/instants.ts";
import { lookAt } from "../cli/account.ts";
import { fleetLines } from "../cli/report.ts";
import { statusLine } from "../cli/report.ts";
import { openSession } from "../cli/session.ts";
import { withWorkflows } from "../cli/workflows.ts";
import { columns, print } from "../cli/output.ts";
import type { Args } from "./specs.ts";

/** What the command does. */
export async function action({ flags, settings }: Args<"status">): Promise<number> {
  const session = await openSession(settings, "ask");
  const { pipeline, topic } = session.pipeline.plan;
  const { supervisor, snapshot } = await withWorkflows(session, async (asking) => {
    const { workflows, supervisor, reader } = asking;
    const { drains, clock } = await lookAt(workflows, supervisor.generation);
    // The drains know the end of the log as they last saw it; the broker knows it now.
    const present = await Promise.all(drains.map(async (drain) => {
      const { end } = await reader.offsets(topic, drain.partition);
      const slice = end > drain.cursor
        ? await workflows.slice(supervisor.generation, drain.partition)
        : null;
      return { ...drain, until: null, end, slice };
    }));
    return { supervisor, snapshot: { drains: present, clock } };
  });
  const { generation, lease, fleet } = supervisor;
  const control = lease !== null && lease.untilMs > Date.now() ? lease : null;
  const { drains, clock } = snapshot;
  const partitions = drains.map((drain) => ({
    partition: drain.partition,
    state: drain.held ? "held" : drain.mode,
    cursor: drain.cursor,
    lag: lagOf(drain),
    watermark: iso(drain.watermark),
    stop: drain.stop,
    failing: drain.slice === null || drain.slice.failure === null ? null : {
      attempt: drain.slice.attempt,
      failure: drain.slice.failure,
    },
  }));
  if (flags.json) {
    print(JSON.stringify({
      pipeline,
      generation,
      control: control === null ? null : control.owner,
      watermark: iso(clock.watermark),
      lag: totalLag(drains),
      fleet: fleetOf(fleet),
      windows: { open: clock.open.length, closed: clock.totals.windows },
      partitions,
    }));
    return 0;
  }
  print(`${pipeline}, generation ${generation}`);
  print(statusLine(snapshot));
  print(
    control === null
      ? "control process: none"
      : `control process: ${control.owner.host}, pid ${control.owner.pid}, since ${
        iso(control.sinceMs)
      }`,
  );
  if (control !== null) fleetLines(fleet).forEach(print);
  const rows = partitions.map(({ partition, state, cursor, lag, watermark, stop, failing }) => [
    String(partition),
    state,
    String(cursor),
    String(lag),
    watermark ?? "none",
    stop !== null
      ? `${stop.code}: ${stop.message}`
      : failing !== null
      ? `attempt ${failing.attempt} at the next slice; ${failing.failure}`
      : "",
  ]);
  columns([["partition", "state", "cursor", "lag", "watermark"], ...rows]).forEach(print);
  return 0;
}

function fleetOf({ policy, bounds, override, slots, last, noProgress }: FleetState) {
  return {
    desired: policy.desired,
    ...bounds,
    override,
    states: slots?.states ?? {},
    restarts: slots?.restarts ?? 0,
    problems: slots?.problems ?? [],
    noProgress: noProgress.map(({ partition }) => partition),
    last,
  };
}

function iso(ms: number | null): string | null {
  return ms === null ? null : formatInstant(ms);
}
