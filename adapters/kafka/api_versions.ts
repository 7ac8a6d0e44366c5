/**
 * Which version of an API to speak with a broker.
 *
 * @module
 */

import { TidegateError } from "../../core/errors.ts";

/** The versions of each API (by key) that a broker speaks, `[lowest, highest]`. */
export type ApiRanges = ReadonlyMap<number, readonly [low: number, high: number]>;

/** An API of Kafka's protocol. */
export interface Api {
  /** Its name, for messages. */
  readonly name: string;
  /** Its number on the wire. */
  readonly key: number;
}

/**
 * The highest version that both sides speak.
 *
 * @param ours The versions spoken here, ascending.
 * @param ceiling The highest version wanted.
 * @throws {TidegateError} `TG_CONFIG` if there is none.
 */
export function chooseVersion(
  api: Api,
  ours: readonly number[],
  ranges: ApiRanges,
  ceiling = Infinity,
): number {
  const [low, high] = ranges.get(api.key) ?? [0, -1];
  const version = ours.findLast((it) => it >= low && it <= high && it <= ceiling);
  if (version !== undefined) return version;
  const got = high < low ? "none" : `${low} to ${high}`;
  throw new TidegateError(
    "TG_CONFIG",
    `Cannot talk to the broker: its version of ${api.name} must be one of ${ours.join(", ")}, ` +
      `got ${got}`,
    { next: "Use Apache Kafka 2.4 or later, or Redpanda 24.1 or later." },
  );
}
