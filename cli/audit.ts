/**
 * Audits a generation: one look at its drain, and then what windows and topics hold.
 *
 * @module
 */

import type { LogReader } from "../adapters/kafka/log.ts";
import type { GenerationClient } from "../adapters/temporal/generation_client.ts";
import { parseInstant } from "../core/event_time/instants.ts";
import { type Audit, auditOf, type LastRow, type WindowSays } from "../core/flow/audit.ts";
import type { Plan } from "../core/plan.ts";
import type { GenerationView } from "../workflows/messages.ts";
import { lastRows } from "./rows.ts";
import { readWhole } from "./topic.ts";

/** How many are asked at once. */
const ASKED_AT_ONCE = 32;

/** A generation that is audited. */
export interface Audited {
  /** Its number. */
  readonly generation: number;
  /** Its drain and windows. */
  readonly drain: Pick<GenerationClient, "view" | "audited">;
  /** The log. */
  readonly reader: LogReader;
}

/** Audits a generation, also while it goes on. */
export async function auditGeneration(audited: Audited, plan: Plan): Promise<Audit> {
  const { drain, reader, generation } = audited;
  const view = await drain.view();
  const { rows, isWhole } = await lastRows(reader, plan, generation);
  return auditOf({ ...view, windows: view.open }, {
    windows: await askWindows(drain, view),
    rows: isWhole
      ? rows.map((row): LastRow => ({
        start: parseInstant(row.window.start) ?? NaN,
        final: row.final,
        watermark: parseInstant(row.watermark) ?? NaN,
        events: row.events,
      }))
      : null,
    side: await sideRecords(reader, plan, { view, generation }),
  });
}

/** What the windows say that the drain has given something; those that are not there say nothing. */
async function askWindows(
  drain: Pick<GenerationClient, "audited">,
  { open }: GenerationView,
): Promise<WindowSays[]> {
  const asked = open.filter(({ n, broken }) => n > 0 && broken === null);
  const views = await allOf(asked, ({ start, shard }) => drain.audited(start, shard));
  return views.filter((view) => view !== null);
}

/** Asks for each of many, some at a time, so that the answers don't keep each other waiting. */
export async function allOf<T, U>(
  many: readonly T[],
  ask: (one: T) => Promise<U>,
): Promise<U[]> {
  const answers: U[] = [];
  for (let first = 0; first < many.length; first += ASKED_AT_ONCE) {
    answers.push(...await Promise.all(many.slice(first, first + ASKED_AT_ONCE).map(ask)));
  }
  return answers;
}

type SideCounts = ReadonlyMap<number, { readonly late: number; readonly invalid: number }>;

/**
 * How many distinct offsets the side topics hold of each partition, below its cursor and outside of
 * what was skipped; null if they no longer hold all records, and not enough of them.
 */
async function sideRecords(
  reader: LogReader,
  { topic, lateTopic, invalidTopic }: Plan,
  { view, generation }: { readonly view: GenerationView; readonly generation: number },
): Promise<SideCounts | null> {
  const known = new Map(view.partitions.map((p) => [p.partition, p]));
  const offsetsIn = async (side: string) => {
    const found = new Map<number, Set<number>>();
    const isWhole = await readWhole(reader, side, ({ value }) => {
      const at = value === null ? null : placeOf(value);
      if (at === null || at.generation !== generation || at.topic !== topic) return;
      const p = known.get(at.partition);
      if (p === undefined || at.offset >= p.cursor) return;
      if (p.skipped.some(([from, to]) => at.offset >= from && at.offset < to)) return;
      found.set(at.partition, (found.get(at.partition) ?? new Set()).add(at.offset));
    });
    return { found, isWhole };
  };
  const [late, invalid] = [await offsetsIn(lateTopic), await offsetsIn(invalidTopic)];
  const counts = new Map([...known.keys()].map((partition) => [partition, {
    late: late.found.get(partition)?.size ?? 0,
    invalid: invalid.found.get(partition)?.size ?? 0,
  }]));
  const isEnough = view.partitions.every(({ partition, totals }) => {
    const has = counts.get(partition) ?? { late: 0, invalid: 0 };
    return has.late >= totals.late &&
      has.invalid >= totals.invalid + totals.skewed + totals.failed;
  });
  return isEnough || (late.isWhole && invalid.isWhole) ? counts : null;
}

interface Place {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly generation: number;
}

const decoder = new TextDecoder();

/** Where the record of a side topic comes from; null if it is not of Tidegate. */
function placeOf(value: Uint8Array): Place | null {
  try {
    const said: unknown = JSON.parse(decoder.decode(value));
    return isPlace(said) ? said : null;
  } catch {
    return null;
  }
}

function isPlace(said: unknown): said is Place {
  return typeof said === "object" && said !== null && "topic" in said && "partition" in said &&
    "offset" in said && "generation" in said;
}
