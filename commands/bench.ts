/**
 * `deno task bench`: how fast it is here. A figure of one machine is worth little: the ratios are.
 *
 * @module
 */

import { stackUp } from "../devstack/stack.ts";
import { benchDrain, type DrainBench } from "../lab/bench/drain.ts";
import { benchFleet, FLEET_FIGURES, type FleetBench } from "../lab/bench/fleet.ts";
import { benchLive, type LiveBench } from "../lab/bench/live.ts";
import { describeMachine, type Machine, quantile } from "../lab/machine.ts";
import { openSession, stackOptions } from "../cli/session.ts";
import { columns, print } from "../cli/output.ts";
import type { Args } from "./specs.ts";

/** What the command does. */
export async function action({ flags, settings }: Args<"bench">): Promise<number> {
  const session = await openSession(settings);
  const { broker, temporal } = await stackUp(stackOptions(session.config));
  const machine = describeMachine({
    [broker.product.toLowerCase()]: broker.version,
    temporal: temporal.version,
  });
  if (flags.fleet > 0) {
    const fleet = await benchFleet(settings, flags.fleet);
    if (flags.json) print(JSON.stringify({ machine, fleet }));
    else columns([...machineRows(machine), ...fleetRows(fleet)]).forEach(print);
    return fleet.ok ? 0 : 1;
  }
  const drain = await benchDrain(session, flags.events, temporal.pid);
  const live = flags.closes === 0 ? null : await benchLive(session, flags.closes, temporal.pid);
  if (flags.json) print(JSON.stringify({ machine, drain, live }));
  else lines(machine, drain, live).forEach(print);
  return drain.ok ? 0 : 1;
}

type Row = readonly [name: string, value: string];

function machineRows({ cores, cpu, memoryGiB, os, versions }: Machine): Row[] {
  return [
    ["machine", `${cores} × ${cpu}, ${memoryGiB} GiB, ${os}`],
    ["versions", Object.entries(versions).map(([name, v]) => `${name} ${v}`).join(", ")],
  ];
}

function fleetRows({ runs, figures }: FleetBench): Row[] {
  return [
    ["runs", String(runs)],
    ...Object.entries(figures).map(([name, all]): Row => {
      const ms = (share: number) => `${Math.round(quantile(all, share))} ms`;
      return [
        FLEET_FIGURES[name] ?? name,
        `min ${ms(0)}, p50 ${ms(0.5)}, max ${ms(1)} (${all.length})`,
      ];
    }),
  ];
}

function lines(machine: Machine, drain: DrainBench, live: LiveBench | null): string[] {
  const rows: Row[] = [
    ...machineRows(machine),
    ["backlog", `${drain.events} events of ${drain.eventBytes} B into ${drain.windows} windows`],
    [
      "drained",
      `${drain.drainedSeconds.toFixed(2)} s, ${Math.round(drain.eventsPerSecond)} events/s`,
    ],
    [
      "all closed",
      `${drain.closedSeconds.toFixed(2)} s, ${drain.windowsPerSecond.toFixed(1)} windows/s`,
    ],
    [
      "CPU",
      `${perProcess(drain.cpuSeconds, " s")}; ${Math.round(drain.eventsPerCpuSecond)} events/CPU s`,
    ],
    ["worker busy", `${drain.workerBusySeconds.toFixed(2)} s in ${drain.slices} slices`],
    ["memory", `control ${drain.rssMiB.control} MiB, worker ${drain.rssMiB.worker} MiB`],
    ["account", drain.ok ? "holds" : "DOES NOT HOLD"],
  ];
  if (live !== null) {
    rows.push(
      ["live", `${live.rate} events/s, ${live.closes} closes`],
      ["close to emit", `p50 ${live.p50Ms} ms, p99 ${live.p99Ms} ms, max ${live.maxMs} ms`],
      ["cores", perProcess(live.cores, "")],
      ["worker start", `${Math.round(live.workerStartMs)} ms`],
      ["memory, live", `control ${live.rssMiB.control} MiB, worker ${live.rssMiB.worker} MiB`],
    );
  }
  return columns(rows);
}

function perProcess(figures: Readonly<Record<string, number>>, unit: string): string {
  return Object.entries(figures).map(([name, n]) => `${name} ${n.toFixed(2)}${unit}`).join(", ");
}
