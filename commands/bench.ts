/**
 * `deno task bench`: how fast it is here. A figure of one machine is worth little: the ratios are.
 *
 * @module
 */

import { stackUp } from "../local/mod.ts";
import { benchDrain, type DrainBench } from "./_bench_drain.ts";
import { benchLive, type LiveBench } from "./_bench_live.ts";
import { command } from "./_command.ts";
import { describeMachine, type Machine } from "./_machine.ts";
import { openSession, SESSION_FLAGS, stackOptions } from "./_session.ts";

/** The command. */
export default command({
  name: "bench",
  summary: "Measures throughput, close-to-emit latency, worker start and memory",
  flags: {
    events: { type: "number", integer: true, min: 1, default: 2_000_000, description: "Backlog" },
    closes: {
      type: "number",
      integer: true,
      min: 0,
      default: 30,
      description: "Windows of the latency part, 10 s each; 0 leaves it out",
    },
    json: { type: "boolean", description: "Print the figures as JSON" },
    ...SESSION_FLAGS,
  },
}, async ({ flags }) => {
  const session = await openSession(flags);
  const { broker, temporal } = await stackUp(stackOptions(session.config));
  const machine = describeMachine({
    [broker.product.toLowerCase()]: broker.version,
    temporal: temporal.version,
  });
  const drain = await benchDrain(session, flags.events, temporal.pid);
  const live = flags.closes === 0 ? null : await benchLive(session, flags.closes, temporal.pid);
  if (flags.json) console.log(JSON.stringify({ machine, drain, live }));
  else lines(machine, drain, live).forEach((line) => console.log(line));
  return drain.ok ? 0 : 1;
});

function lines(machine: Machine, drain: DrainBench, live: LiveBench | null): string[] {
  const versions = Object.entries(machine.versions).map(([name, v]) => `${name} ${v}`).join(", ");
  const rows: [string, string][] = [
    ["machine", `${machine.cores} × ${machine.cpu}, ${machine.memoryGiB} GiB, ${machine.os}`],
    ["versions", versions],
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
  return rows.map(([name, value]) => `${name.padEnd(14)}${value}`);
}

function perProcess(figures: Readonly<Record<string, number>>, unit: string): string {
  return Object.entries(figures).map(([name, n]) => `${name} ${n.toFixed(2)}${unit}`).join(", ");
}
