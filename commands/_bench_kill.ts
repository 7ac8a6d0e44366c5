/**
 * The killing part of the benchmark: how soon a slice whose worker was killed runs elsewhere.
 *
 * @module
 */

import type { Control } from "../control.ts";
import { SLOT_LIMITS } from "../core/slot_state.ts";
import { LOOKUP_VARIABLE } from "../pipelines/spike.ts";
import { startLookupService } from "../producer/lookup_service.ts";
import { produce } from "../producer/mod.ts";
import { BENCH_PARTITIONS, withBench } from "./_bench_setup.ts";
import type { Session } from "./_session.ts";

/** Records of slow lookups: more than are folded while it lasts. */
const RECORDS = 40_000;
/** How often it looks, in ms. */
const LOOK_MS = 3;

/** What was measured, in ms from SIGKILL until another process held the slice. */
export interface KillBench {
  /** With another worker up. */
  readonly elsewhereMs: readonly number[];
  /** With a single worker, which must be started again. */
  readonly aloneMs: readonly number[];
}

/**
 * Kills workers that hold a slice.
 *
 * @param session The session, of the pipeline whose events wait for a lookup.
 * @param kills How many of each kind.
 * @returns What was measured.
 */
export async function benchKill(session: Session, kills: number): Promise<KillBench> {
  const lookups = startLookupService({ delayMs: 80 });
  Deno.env.set(LOOKUP_VARIABLE, lookups.url);
  try {
    return await withBench(session, "bench-kill", {}, async ({ pipeline, writer, control }) => {
      const load = {
        pipeline,
        partitions: BENCH_PARTITIONS,
        rate: 20_000,
        count: RECORDS,
        seed: 1,
      };
      await produce(load, writer);
      const running = await control("live");
      const elsewhereMs = await killSome(running, 2, kills);
      return { elsewhereMs, aloneMs: await killSome(running, 1, kills) };
    });
  } finally {
    await lookups.stop();
  }
}

async function killSome(control: Control, workers: number, kills: number): Promise<number[]> {
  await control.workflows.override(workers);
  const taken: number[] = [];
  while (taken.length < kills) {
    await until(() => {
      const up = control.fleet.slots.filter(({ state }) => state !== "absent");
      return up.length === workers && up.every(({ state }) => state === "ready");
    });
    // A slot that fails again before that is paused first, as it should be.
    await new Promise((resolve) => setTimeout(resolve, SLOT_LIMITS.wellAfterMs + 1_000));
    const held = await holding(control);
    Deno.kill(held.pid, "SIGKILL");
    const killedAtMs = performance.now();
    const tookMs = await until(async () => {
      const slice = await control.workflows.slice(control.generation, held.partition);
      if (slice === null || slice.attempt === 1) return "over";
      return slice.holder !== null && slice.holder !== held.identity;
    }).then((how) => how === "over" ? null : performance.now() - killedAtMs);
    // One that was done at that very moment tells nothing.
    if (tookMs !== null) taken.push(tookMs);
  }
  return taken;
}

/** A worker of the fleet that is at the first attempt of a slice. */
async function holding(control: Control) {
  for (;;) {
    for (const partition of control.partitions) {
      const slice = await control.workflows.slice(control.generation, partition);
      if (slice === null || slice.attempt > 1) continue;
      const slot = control.fleet.slots.find(({ identity, state }) =>
        state === "ready" && identity !== null && identity === slice.holder
      );
      if (slot?.pid == null || slot.identity === null) continue;
      return { partition, pid: slot.pid, identity: slot.identity };
    }
  }
}

async function until<T>(look: () => T | Promise<T>): Promise<T> {
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}
