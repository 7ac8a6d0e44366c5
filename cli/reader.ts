/**
 * Reads settings one by one from where they may stand, and keeps the problems until all are found.
 *
 * @module
 */

import { TidegateError } from "../core/errors.ts";
import type { Env } from "./flags.ts";
import { flagOf, type Setting } from "./settings.ts";

/** Where settings come from, beside the environment. */
export interface SettingSources {
  /**
   * Flags by name as `parseCommand` gives them; those that are no setting's are passed over.
   * @default {{}}
   */
  readonly flags?: Readonly<Record<string, unknown>>;
  /**
   * Reads a text file.
   * @default {Deno.readTextFileSync}
   */
  readonly readFile?: (path: string) => string;
}

const PEM_HEAD = "-----BEGIN ";

/** A path as a problem shows it; key material that was put where its path belongs stays unseen. */
function shown(path: string): string {
  return path.length > 200 || path.includes("\n") ? "a long text" : `"${path}"`;
}

/** Reads settings one by one and keeps the problems. */
export class SettingsReader {
  readonly #problems: string[] = [];
  readonly #env: Env;
  readonly #flags: Readonly<Record<string, unknown>>;
  readonly #readFile: (path: string) => string;

  /**
   * Begins without problems.
   *
   * @param env The environment.
   * @param sources Flags, and how to read a file.
   */
  constructor(env: Env, sources: SettingSources) {
    this.#env = env;
    this.#flags = sources.flags ?? {};
    this.#readFile = sources.readFile ?? Deno.readTextFileSync;
  }

  /** Reads a setting; undefined where it is neither set nor has a default, or is wrong. */
  optional<T>(setting: Setting<T>): T | undefined {
    const text = this.#text(setting) ?? setting.default;
    if (text === null) return undefined;
    const value = setting.kind.read(setting.secret === true ? text : text.trim());
    if (value === undefined) {
      const got = setting.secret === true ? "" : `, got "${text}"`;
      this.problem(setting, `must be ${setting.kind.must}${got}`);
    }
    return value;
  }

  /** Reads a setting that has a default; `instead` goes on in its place where it is wrong. */
  required<T>(setting: Setting<T>, instead: T): T {
    return this.optional(setting) ?? instead;
  }

  /** Reads the PEM file that a setting names, or the PEM text that it is. */
  pem(setting: Setting<string>): string | undefined {
    const path = this.optional(setting);
    if (path === undefined || path.startsWith(PEM_HEAD)) return path;
    const text = this.#file(setting.name, path);
    if (text !== undefined && !text.includes(PEM_HEAD)) {
      this.problem(setting, `must be a PEM file, and ${shown(path)} is none`);
    }
    return text;
  }

  /** As `pem`; undefined also for the word `system`, which stands for the system's authorities. */
  authority(setting: Setting<string>): string | undefined {
    return this.#given(setting.name) === "system" ? undefined : this.pem(setting);
  }

  /** Whether a setting was given, rightly or wrongly. */
  isSet(setting: Setting<unknown>): boolean {
    return this.#given(setting.name) !== undefined ||
      (setting.secret === true && this.#given(`${setting.name}_FILE`) !== undefined);
  }

  /** Notes a problem if one setting is given without another. */
  needs(setting: Setting<unknown>, other: Setting<unknown>): void {
    if (!this.isSet(setting) || this.isSet(other)) return;
    this.problem(setting, `needs ${other.name} beside it, which is not set`);
  }

  /** Notes a problem. */
  problem(setting: Setting<unknown>, text: string): void {
    const flag = setting.secret === true ? "" : ` (--${flagOf(setting.name)})`;
    this.#problems.push(`${setting.name}${flag} ${text}`);
  }

  /** Throws what was found. */
  finish(): void {
    if (this.#problems.length === 0) return;
    throw new TidegateError(
      "TG_CONFIG",
      ["Cannot use the configuration:", ...this.#problems].join("\n  "),
      { next: "Correct the settings; docs/operations.md lists them all." },
    );
  }

  #text(setting: Setting<unknown>): string | undefined {
    const text = this.#given(setting.name);
    if (setting.secret !== true) return text;
    const fileName = `${setting.name}_FILE`;
    const path = this.#given(fileName);
    if (path === undefined) return text;
    if (text !== undefined) {
      this.problem(setting, `and ${fileName} must not both be set`);
      return text;
    }
    const content = this.#file(fileName, path)?.replace(/\r?\n$/, "");
    if (content === "") this.#problems.push(`${fileName} must name a file that is not empty`);
    return content || undefined;
  }

  #given(name: string): string | undefined {
    const flag = this.#flags[flagOf(name)];
    return (typeof flag === "string" ? flag : undefined) ?? (this.#env[name] || undefined);
  }

  #file(name: string, path: string): string | undefined {
    try {
      return this.#readFile(path);
    } catch (error) {
      // The error's message repeats the path, which shown() may have held back.
      const reason = error instanceof Error ? error.name : "unknown";
      this.#problems.push(
        `${name} must name a file that can be read, got ${shown(path)}: ${reason}`,
      );
      return undefined;
    }
  }
}
