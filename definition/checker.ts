import { TidegateError } from "../core/errors.ts";
import { parseDuration } from "../core/event_time/instants.ts";

/** The largest duration of a definition: some three hundred years, which any date can be off by. */
const MAX_DURATION_MS = 100_000 * 86_400_000;

/**
 * Reads a definition setting by setting, by dotted paths, and keeps the problems until all are
 * found. It trusts no type, since definitions are run without the compiler.
 */
export class Checker {
  readonly #root: unknown;
  readonly #problems: string[] = [];

  /**
   * Begins without problems.
   *
   * @param root The definition.
   */
  constructor(root: unknown) {
    this.#root = root;
  }

  /** The value at a path; undefined where there is none. */
  get(path: string): unknown {
    let value = this.#root;
    for (const name of path.split(".")) {
      if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return;
      value = Reflect.get(value, name);
    }
    return value;
  }

  /** Notes that a setting must be something else. */
  mustBe(path: string, must: string, got: unknown = this.get(path)): void {
    this.#problems.push(`${path} must be ${must}, got ${show(got)}`);
  }

  /** Notes a problem in other words. */
  problem(path: string, text: string): void {
    this.#problems.push(`${path} ${text}`);
  }

  /** Notes members of an object that are no settings; `path` is empty for the definition itself. */
  onlyMembers(path: string, names: readonly string[]): void {
    const value = path === "" ? this.#root : this.get(path);
    if (typeof value !== "object" || value === null) return;
    for (const name of Object.keys(value).filter((name) => !names.includes(name))) {
      const known = names.join(", ");
      this.problem(path === "" ? name : `${path}.${name}`, `is no setting; there are ${known}`);
    }
  }

  /** Reads an object. */
  object(path: string, must: string): void {
    const value = this.get(path);
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      this.mustBe(path, must);
    }
  }

  /** Looks at a function that may be left out. */
  optionalFunction(path: string): void {
    const value = this.get(path);
    if (value !== undefined && typeof value !== "function") this.mustBe(path, "a function");
  }

  /** Reads a text of a certain form. */
  text(path: string, must: string, fits: (text: string) => boolean, standard?: string): string {
    const value = this.get(path) ?? standard;
    if (typeof value === "string" && fits(value)) return value;
    this.mustBe(path, must);
    return "";
  }

  /** Reads a whole number. */
  integer(path: string, from: number, to: number, standard: number): number {
    const value = this.get(path) ?? standard;
    if (typeof value === "number" && Number.isInteger(value) && value >= from && value <= to) {
      return value;
    }
    this.mustBe(path, `a whole number from ${from} to ${to}`);
    return standard;
  }

  /** Reads a duration in ms. */
  duration(path: string, least: number, standard?: string): number {
    const value = this.get(path) ?? standard;
    const ms = typeof value === "string" ? parseDuration(value) : value;
    if (
      typeof ms === "number" && Number.isSafeInteger(ms) && ms >= least && ms <= MAX_DURATION_MS
    ) return ms;
    const sign = least > 0 ? "a positive duration" : "a duration";
    this.mustBe(path, `${sign} such as "10s" or whole number of ms, at most 100000d`);
    return 0;
  }

  /** Throws what was found. */
  finish(name: unknown): void {
    if (this.#problems.length === 0) return;
    const label = typeof name === "string" ? ` "${name}"` : "";
    throw new TidegateError(
      "TG_DEFINITION",
      [`Cannot define the pipeline${label}:`, ...this.#problems].join("\n  "),
      { next: "Correct the settings named above in the definition." },
    );
  }
}

function show(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "function") return "a function";
  if (typeof value === "object" && value !== null) {
    return Array.isArray(value) ? "a list" : "an object";
  }
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
