import { decodeOne } from "../core/fold/decode.ts";
import { SliceFold } from "../core/fold/fold.ts";
import type { Pipeline } from "../definition/define.ts";

/** An event as the generator made it. */
export type RawEvent = Readonly<Record<string, unknown>>;

/** Spoils an event: its record is invalid then. */
type Fault = (event: RawEvent, pipeline: Pipeline) => string | Uint8Array | null;

/**
 * Every way in which a record can be invalid by its value, as `core/fold/decode.ts` and `core/fold/fold.ts`
 * tell them apart. Null where a fault doesn't apply.
 */
const FAULTS: readonly Fault[] = [
  function brokenJson(event) {
    const text = JSON.stringify(event);
    return text.slice(0, Math.ceil(text.length / 2));
  },
  function empty() {
    return "";
  },
  function notAnObject() {
    return "[]";
  },
  function notUtf8(event) {
    const bytes = new TextEncoder().encode(JSON.stringify(event));
    bytes[1] = 0xff;
    return bytes;
  },
  function missingField(event, { plan }) {
    return JSON.stringify({ ...event, [plan.eventTimeField]: undefined });
  },
  function wrongType(event, { plan }) {
    const field = numberField(plan.aggregates) ?? plan.eventTimeField;
    return JSON.stringify({ ...event, [field]: { unit: "none" } });
  },
  function badTime(event, { plan }) {
    const time = typeof event[plan.eventTimeField] === "string" ? "2026-02-30T25:61:00Z" : 1e18;
    return JSON.stringify({ ...event, [plan.eventTimeField]: time });
  },
  function hugeNumber(event, { plan }) {
    return withLiteral(event, numberField(plan.aggregates), "1e999");
  },
  function inexactInteger(event, { plan }) {
    return withLiteral(event, numberField(plan.aggregates), "9007199254740993");
  },
];

/**
 * Makes an invalid record of an event.
 *
 * @param event The event.
 * @param pipeline Its pipeline.
 * @param chance From 0 to below 1: which fault.
 * @returns The record's value. It is surely invalid: a fault that the schema forgives, such as a
 * wrong type where it coerces, is replaced by broken JSON.
 */
export function spoil(event: RawEvent, pipeline: Pipeline, chance: number): string | Uint8Array {
  const value = FAULTS[Math.floor(chance * FAULTS.length)]?.(event, pipeline) ?? null;
  if (value !== null && isInvalid(value, pipeline)) return value;
  return JSON.stringify(event).slice(0, -1);
}

function isInvalid(value: string | Uint8Array, { plan, reader }: Pipeline): boolean {
  const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
  const decoder = new TextDecoder();
  const fold = new SliceFold(plan, reader, { maxEventTime: null, floor: null });
  const record = { offset: 0, timestampMs: -1, value: bytes };
  const decoded = decodeOne(bytes, strictText);
  const textOf = () => decoder.decode(bytes);
  // Here nobody enriches; what is invalid before that is so for sure.
  if (reader.adds !== undefined) return fold.check(record, decoded, textOf).event === null;
  fold.add([record], [decoded], textOf);
  return fold.counts.invalid === 1;
}

function strictText(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function numberField(aggregates: Pipeline["plan"]["aggregates"]): string | null {
  return aggregates.find(({ field }) => field !== null)?.field ?? null;
}

/** The event as JSON with a number that `JSON.stringify` would not write. */
function withLiteral(event: RawEvent, field: string | null, literal: string): string | null {
  if (field === null) return null;
  const rest = JSON.stringify({ ...event, [field]: undefined });
  const comma = rest === "{}" ? "" : ",";
  return `${rest.slice(0, -1)}${comma}${JSON.stringify(field)}:${literal}}`;
}
