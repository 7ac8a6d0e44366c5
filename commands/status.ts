/**
 * `deno task status`: how the pipeline stands.
 *
 * @module
 */

import type { FleetState } from "../core/scaling/fleet.ts";
import { lagOf, totalLag } from "../core/scaling/load.ts";
import { formatInstant } from "../core/event_time/instants.ts";
import { lookAt } from "../cli/account.ts";
import { fleetLines } from "../cli/fleet.ts";
import { statusLine } from "../cli/report.ts";
import { openSession } from "../cli/session.ts";
import { withWorkflows } from "../cli/workflows.ts";
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
    console.log(JSON.stringify({
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
  console.log(`${pipeline}, generation ${generation}`);
  console.log(statusLine(snapshot));
  console.log(
    control === null
      ? "control process: none"
      : `control process: ${control.owner.host}, pid ${control.owner.pid}, since ${
        iso(control.sinceMs)
      }`,
  );
  if (control !== null) fleetLines(fleet).forEach((line) => console.log(line));
  for (const p of partitions) {
    console.log(
      `partition ${p.partition}  ${p.state}  cursor ${p.cursor}  lag ${p.lag}  ` +
        `watermark ${p.watermark ?? "none"}` +
        (p.stop === null ? "" : `  ${p.stop.code}: ${p.stop.message}`) +
        (p.failing === null
          ? ""
          : `  attempt ${p.failing.attempt} at the next slice; ${p.failing.failure}`),
    );
  }
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
