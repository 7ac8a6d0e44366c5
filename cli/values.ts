/**
 * The kinds of values that people write in flags and settings: each reads one from text, or says
 * what it must be.
 *
 * @module
 */

import { formatDuration, parseDuration, parseInstant } from "../core/event_time/instants.ts";

/** One kind of value. */
export interface ValueKind<T> {
  /** How help and the manual name it, such as `N` or `DURATION`. */
  readonly placeholder: string;
  /** Completes "must be …". */
  readonly must: string;
  /**
   * Reads a value.
   *
   * @param text What was written, without surrounding blanks.
   * @returns The value, or undefined where the text is none of this kind.
   */
  read(text: string): T | undefined;
}

/** The bounds of a numeric kind, both inclusive. */
export interface Bounds {
  /**
   * The smallest value.
   * @default {-Infinity}
   */
  readonly min?: number;
  /**
   * The largest value.
   * @default {Infinity}
   */
  readonly max?: number;
}

/** Any text that isn't empty. */
export const textKind: ValueKind<string> = {
  placeholder: "TEXT",
  must: "a text that is not empty",
  read: (text) => text === "" ? undefined : text,
};

/** A point in time in ISO 8601 with its zone, as epoch ms. */
export const instantKind: ValueKind<number> = {
  placeholder: "TIME",
  must: "an ISO 8601 time with its zone such as 2026-01-31T09:00:00Z",
  read: parseInstant,
};

/**
 * A share from 0% to 100%, as a fraction. The sign is asked for, because a bare `1` could mean
 * everything as well as a hundredth; a bare `0` can't be misread.
 */
export const percentKind: ValueKind<number> = {
  placeholder: "PERCENT",
  must: "a percentage from 0% to 100% such as 1% or 0.1%",
  read(text) {
    if (text === "0") return 0;
    const digits = /^(\d+(?:\.\d+)?)%$/.exec(text)?.[1];
    if (digits === undefined || Number(digits) > 100) return undefined;
    return Number(digits) / 100;
  },
};

/** The addresses of one or more servers: `host:port`, separated by commas. */
export const addressesKind: ValueKind<readonly string[]> = {
  placeholder: "HOST:PORT,…",
  must: "one or more host:port, separated by commas",
  read(text) {
    const addresses = text.split(",").map((part) => part.trim());
    return addresses.every(isAddress) ? addresses : undefined;
  },
};

/** The address of one server: `host:port`. */
export const addressKind: ValueKind<string> = {
  placeholder: "HOST:PORT",
  must: "host:port",
  read: (text) => isAddress(text) ? text : undefined,
};

/** The address of a web page: `http://…` or `https://…`. */
export const urlKind: ValueKind<string> = {
  placeholder: "URL",
  must: "a URL that begins with http:// or https://",
  read: (text) => /^https?:$/.test(URL.parse(text)?.protocol ?? "") ? text : undefined,
};

/**
 * A number.
 *
 * @param bounds The smallest and the largest one.
 * @returns The kind.
 */
export function numberKind(bounds: Bounds = {}): ValueKind<number> {
  return numeric("a number", bounds, (value) => Number.isFinite(value));
}

/**
 * A whole number.
 *
 * @param bounds The smallest and the largest one.
 * @returns The kind.
 */
export function integerKind(bounds: Bounds = {}): ValueKind<number> {
  return numeric("a whole number", bounds, (value) => Number.isSafeInteger(value));
}

/**
 * A duration such as `500ms`, `10s`, `1m` or `2h`, as ms.
 *
 * @param bounds The smallest and the largest one, in ms.
 * @returns The kind.
 */
export function durationKind(bounds: Bounds = {}): ValueKind<number> {
  const within = inBounds(bounds);
  return {
    placeholder: "DURATION",
    must: `a duration such as 500ms, 10s, 1m or 2h${rangeText(bounds, formatDuration)}`,
    read(text) {
      const value = parseDuration(text);
      return value !== undefined && within(value) ? value : undefined;
    },
  };
}

/**
 * One of a few words.
 *
 * @param words The words.
 * @returns The kind.
 */
export function oneOfKind<const W extends string>(words: readonly W[]): ValueKind<W> {
  return {
    placeholder: words.join("|"),
    must: `one of ${words.join(", ")}`,
    read: (text) => words.find((word) => word === text),
  };
}

function numeric(
  what: string,
  bounds: Bounds,
  fits: (value: number) => boolean,
): ValueKind<number> {
  const within = inBounds(bounds);
  return {
    placeholder: "N",
    must: `${what}${rangeText(bounds, String)}`,
    read(text) {
      // Number() alone would take "", " 7 ", "0x1f" and "Infinity".
      if (!/^[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i.test(text)) return undefined;
      const value = Number(text);
      return fits(value) && within(value) ? value : undefined;
    },
  };
}

function inBounds({ min = -Infinity, max = Infinity }: Bounds): (value: number) => boolean {
  return (value) => value >= min && value <= max;
}

function rangeText({ min, max }: Bounds, print: (value: number) => string): string {
  if (min !== undefined && max !== undefined) return ` from ${print(min)} to ${print(max)}`;
  if (min !== undefined) return ` of at least ${print(min)}`;
  return max === undefined ? "" : ` of at most ${print(max)}`;
}

function isAddress(text: string): boolean {
  const port = /^(?:[^\s:/,[\]]+|\[[0-9a-f:.]+\]):(\d{1,5})$/i.exec(text)?.[1];
  return port !== undefined && Number(port) >= 1 && Number(port) <= 65535;
}
