/**
 * `deno task status`: what the pipeline is like now.
 *
 * @module
 */

import type { PendingSweep } from "../adapters/temporal/generation_client.ts";
import { formatInstant } from "../core/event_time/instants.ts";
import { holdsWatermark, partitionWatermark } from "../core/event_time/watermark.ts";
import { type DrainPartition, isHollow, lagOf } from "../core/flow/dealing.ts";
import type { SweepLook } from "../core/flow/drain.ts";
import type { FleetState } from "../core/scaling/fleet.ts";
import { totalLag } from "../core/scaling/load.ts";
import type { GenerationView } from "../workflows/messages.ts";
import { fleetLines, statusLine } from "../cli/report.ts";
import { openSession } from "../cli/session.ts";
import { withWorkflows } from "../cli/workflows.ts";
import { columns, print } from "../cli/output.ts";
import type { Args } from "./specs.ts";

/** What the command does. */
export async function action({ flags, settings }: Args<"status">): Promise<number> {
  const session = await openSession(settings, "ask");
  const { pipeline, topic, delayMs } = session.pipeline.plan;
  const { supervisor, view, ends, pending } = await withWorkflows(session, async (asking) => {
    const { drain, reader, supervisor } = asking;
    const view = await drain.view();
    return {
      supervisor,
      view,
      // The drain knows the ends as its last sweeps saw them; the broker knows them now.
      ends: await reader.ends(topic, view.partitions.map(({ partition }) => partition)),
      pending: view.sweeps.some(({ at }) => at === "fleet") ? await drain.pendingSweeps() : [],
    };
  });
  const { generation, lease, fleet } = supervisor;
  const control = lease !== null && lease.untilMs > Date.now() ? lease : null;
  const sweeps = sweepsOut(view.sweeps, pending);
  const held = new Map(view.held);
  const partitions = view.partitions.map((p) => {
    const by = held.get(p.partition) ?? null;
    return {
      partition: p.partition,
      state: by === null ? p.mode : "held",
      heldBy: by,
      cursor: p.cursor,
      lag: lagNow(p, ends.get(p.partition)),
      watermark: iso(partitionWatermark(p, delayMs)),
      stop: p.stop,
      trouble: p.trouble,
      openTransaction: p.openTransaction,
      hollow: isHollow(p),
      failing: failingOf(p.partition, sweeps),
    };
  });
  const lag = totalLag(partitions.map(({ cursor, lag }) => ({
    cursor,
    end: lag === null ? null : cursor + lag,
  })));
  const holder = holderOf(view, delayMs);
  if (flags.json) {
    print(JSON.stringify({
      pipeline,
      generation,
      control: control === null ? null : control.owner,
      watermark: iso(view.watermark),
      heldBy: holder,
      lag,
      fleet: fleetOf(fleet),
      windows: {
        open: view.openWindows,
        closed: view.closed.windows,
        lost: view.lost.windows,
      },
      sweeps,
      partitions,
    }));
    return 0;
  }
  print(`${pipeline}, generation ${generation}`);
  print(statusLine(view, { lag }));
  print(watermarkLine(view, holder));
  print(
    control === null
      ? "control process: none"
      : `control process: ${control.owner.host}, pid ${control.owner.pid}, since ${
        iso(control.sinceMs)
      }`,
  );
  if (control !== null) fleetLines(fleet).forEach(print);
  sweeps.map(sweepLine).forEach(print);
  const rows = partitions.map((p) => [
    String(p.partition),
    p.heldBy === null ? p.state : `held by ${p.heldBy}`,
    String(p.cursor),
    p.lag === null ? "unknown" : String(p.lag),
    p.watermark ?? "none",
    wordsOf(p),
  ]);
  columns([["partition", "state", "cursor", "lag", "watermark"], ...rows]).forEach(print);
  return 0;
}

/** Offsets between a partition's cursor and its end; null where the end is not known now. */
function lagNow(p: DrainPartition, end: number | undefined): number | null {
  if (end === undefined) return null;
  return lagOf({ ...p, until: null, end: Math.max(end, p.cursor) });
}

/** A sweep that is out, and what Temporal says of its activity. */
interface SweepOut extends SweepLook {
  /** Who runs it; null while it waits for a worker, and where that isn't known. */
  readonly holder: string | null;
  /** Which attempt it is, from 1. */
  readonly attempt: number;
  /** Why the attempt before failed; null if none did. */
  readonly failure: string | null;
}

/** A worker says which sweep it is at as soon as it has read something; before that, in order. */
function sweepsOut(sweeps: readonly SweepLook[], pending: readonly PendingSweep[]): SweepOut[] {
  const unnamed = pending.filter(({ n }) => n === null);
  return sweeps.map((sweep) => {
    const known = pending.find(({ n }) => n === sweep.n);
    const found = sweep.at === "fleet" ? known ?? unnamed.shift() : undefined;
    const { holder = null, attempt = 1, failure = null } = found ?? {};
    return { ...sweep, holder, attempt, failure };
  });
}

function failingOf(
  partition: number,
  sweeps: readonly SweepOut[],
): Pick<SweepOut, "attempt" | "failure"> | null {
  const out = sweeps.find(({ partitions }) => partitions.includes(partition));
  if (out === undefined || out.failure === null) return null;
  return { attempt: out.attempt, failure: out.failure };
}

/** The partition that the watermark waits for; null if none holds it. */
function holderOf({ partitions }: GenerationView, delayMs: number): number | null {
  const holding = partitions.filter(holdsWatermark);
  const watermarkOf = (p: DrainPartition) => partitionWatermark(p, delayMs) ?? -Infinity;
  const [first] = holding.toSorted((a, b) => watermarkOf(a) - watermarkOf(b));
  return first?.partition ?? null;
}

function watermarkLine({ partitions, open }: GenerationView, holder: number | null): string {
  const p = partitions.find(({ partition }) => partition === holder);
  if (p !== undefined) return `the watermark is held by partition ${p.partition} (${p.mode})`;
  if (partitions.some(({ mode }) => mode === "idle")) {
    return open.length === 0
      ? "no partition holds the watermark"
      : "no partition holds the watermark: it runs on while the broker confirms the silence";
  }
  return "no partition is read: the watermark stands; deno task run --until-drained --flush " +
    "closes what is open";
}

function sweepLine({ n, at, partitions, holder, attempt, failure }: SweepOut): string {
  const which = partitions.length === 1
    ? `partition ${partitions[0]}`
    : `${partitions.length} partitions`;
  if (at === "control") return `look ${n} at ${which}, by the control process`;
  const who = holder === null ? "" : `, by ${holder}`;
  const tries = attempt > 1 ? `, attempt ${attempt}` : "";
  return `sweep ${n} of ${which}${who}${tries}${failure === null ? "" : `; ${failure}`}`;
}

/** What is to be said of a partition beside its figures. */
function wordsOf(
  { stop, trouble, openTransaction, hollow, failing }: {
    readonly stop: DrainPartition["stop"];
    readonly trouble: DrainPartition["trouble"];
    readonly openTransaction: DrainPartition["openTransaction"];
    readonly hollow: boolean;
    readonly failing: Pick<SweepOut, "attempt" | "failure"> | null;
  },
): string {
  return [
    stop === null ? "" : `${stop.code}: ${stop.message}, since ${iso(stop.sinceMs)}`,
    trouble === null ? "" : `${trouble.code}: ${trouble.message}, since ${iso(trouble.sinceMs)}`,
    openTransaction === null
      ? ""
      : `an open transaction from offset ${openTransaction.offset} on, since ${
        iso(openTransaction.sinceMs)
      }`,
    hollow ? "nothing lies between its cursor and its end" : "",
    failing === null ? "" : `attempt ${failing.attempt} of its sweep; ${failing.failure}`,
  ].filter((words) => words !== "").join("; ");
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
