/**
 * Command lines: one spec a command, from which flags are read, checked and explained. A flag is a
 * zod schema of its text; `node:util` cuts the line into words.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { z } from "zod";
import { parseAddress } from "../core/address.ts";
import { TidegateError } from "../core/errors.ts";
import { formatDuration, parseDuration, parseInstant } from "../core/event_time/instants.ts";

/** How people write a value. */
export interface Wording {
  /** How help and the manual name it, such as `N` or `DURATION`. */
  readonly placeholder: string;
  /** Completes "must be …". */
  readonly must: string;
}

const WORDINGS = z.registry<Wording>();

/** The bounds of a number, both inclusive. */
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

/** A switch: a flag without a value, false unless given. */
export function toggle(): z.ZodBoolean {
  return z.boolean();
}

/** Any text that isn't empty. */
export function text(
  placeholder = "TEXT",
  must = "a text that is not empty",
): z.ZodType<string, string> {
  return worded(z.string().min(1), { placeholder, must });
}

/** One of a few words. */
export function word<const W extends string>(words: readonly W[]): z.ZodType<W, string> {
  return worded(readBy((given) => words.find((one) => one === given)), {
    placeholder: words.join("|"),
    must: `one of ${words.join(", ")}`,
  });
}

/** A decimal number. */
export function number(bounds: Bounds = {}): z.ZodType<number, string> {
  return numeric("a number", z.number(), bounds);
}

/** A whole number. */
export function integer(bounds: Bounds = {}): z.ZodType<number, string> {
  return numeric("a whole number", z.int(), bounds);
}

/** A duration such as `500ms`, `10s`, `1m` or `2h`, as ms. */
export function duration(bounds: Bounds = {}): z.ZodType<number, string> {
  return worded(readBy(parseDuration).pipe(within(z.number(), bounds)), {
    placeholder: "DURATION",
    must: `a duration such as 500ms, 10s, 1m or 2h${rangeText(bounds, formatDuration)}`,
  });
}

/** A point in time in ISO 8601 with its zone, as epoch ms. */
export function instant(): z.ZodType<number, string> {
  return worded(readBy(parseInstant), {
    placeholder: "TIME",
    must: "an ISO 8601 time with its zone such as 2026-01-31T09:00:00Z",
  });
}

/**
 * A share from 0% to 100%, as a fraction. The sign is asked for, because a bare `1` could mean
 * everything as well as a hundredth; a bare `0` can't be misread.
 */
export function percent(): z.ZodType<number, string> {
  const share = z.string().regex(/^(?:0|\d+(?:\.\d+)?%)$/)
    .transform((given) => parseFloat(given) / 100).pipe(z.number().max(1));
  return worded(share, {
    placeholder: "PERCENT",
    must: "a percentage from 0% to 100% such as 1% or 0.1%",
  });
}

/** The address of one server: `host:port`. */
export function address(): z.ZodType<string, string> {
  return worded(z.string().refine((given) => parseAddress(given) !== null), {
    placeholder: "HOST:PORT",
    must: "host:port",
  });
}

/** The addresses of one or more servers: `host:port`, separated by commas. */
export function addresses(): z.ZodType<string[], string> {
  const list = z.string().transform((given) => given.split(",").map((part) => part.trim()));
  return worded(list.pipe(z.array(address())), {
    placeholder: "HOST:PORT,…",
    must: "one or more host:port, separated by commas",
  });
}

/** The address of a web page: `http://…` or `https://…`. */
export function url(): z.ZodType<string, string> {
  return worded(z.url({ protocol: /^https?$/ }), {
    placeholder: "URL",
    must: "a URL that begins with http:// or https://",
  });
}

function worded<S extends z.ZodType>(schema: S, wording: Wording): S {
  WORDINGS.add(schema, wording);
  return schema;
}

/** A value that a function reads from its text; undefined where it is none. */
function readBy<T>(read: (given: string) => T | undefined) {
  return z.string().transform((given, context): T => {
    const value = read(given);
    if (value !== undefined) return value;
    context.addIssue("unreadable");
    return z.NEVER;
  });
}

function numeric(what: string, schema: z.ZodNumber, bounds: Bounds): z.ZodType<number, string> {
  // Number() alone would take "", " 7 ", "0x1f" and "Infinity".
  const decimal = z.string().regex(/^[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i).transform(Number);
  return worded(decimal.pipe(within(schema, bounds)), {
    placeholder: "N",
    must: `${what}${rangeText(bounds, String)}`,
  });
}

function within(schema: z.ZodNumber, { min = -Infinity, max = Infinity }: Bounds): z.ZodNumber {
  return schema.min(min).max(max);
}

function rangeText({ min, max }: Bounds, print: (value: number) => string): string {
  if (min !== undefined && max !== undefined) return ` from ${print(min)} to ${print(max)}`;
  if (min !== undefined) return ` of at least ${print(min)}`;
  return max === undefined ? "" : ` of at most ${print(max)}`;
}

/** The wording of a value, below `prefault` and `optional`. */
export function wordingOf(schema: z.core.$ZodType): Wording {
  const found = WORDINGS.get(schema);
  if (found !== undefined) return found;
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodPrefault) {
    return wordingOf(schema.unwrap());
  }
  throw new TypeError("Cannot explain a flag: its schema must be made by a function of args.ts");
}

/** The text that stands for a value that isn't given; null without one. */
export function defaultOf(schema: z.core.$ZodType): string | null {
  return schema instanceof z.ZodPrefault ? String(schema.def.defaultValue) : null;
}

/**
 * Flags by name, without the dashes. Each is a schema of this file, with `prefault("…")` for the
 * text that stands for it where it isn't given or else `optional()`, and `describe("…")`.
 */
export type Flags = Readonly<Record<string, z.ZodType>>;

/** An argument that isn't a flag. */
export interface PositionalSpec {
  /** How help names it, such as `FILE`. */
  readonly name: string;
  /** A sentence for `--help`. */
  readonly description: string;
  /**
   * Whether it must be given.
   * @default {false}
   */
  readonly required?: boolean;
  /**
   * Whether it takes all that is left.
   * @default {false}
   */
  readonly rest?: boolean;
}

/** One command. */
export interface CommandSpec<F extends Flags = Flags> {
  /** The command's name, such as `produce`. */
  readonly name: string;
  /** What it does, a sentence. */
  readonly summary: string;
  /** Its flags; `help` is always there. */
  readonly flags: F;
  /**
   * The settings that it takes as flags: their text is handed on unchecked, and help only names them.
   * @default {{}}
   */
  readonly settings?: Flags;
  /**
   * Its other arguments, in order.
   * @default {[]}
   */
  readonly positionals?: readonly PositionalSpec[];
}

/** What a command line says. */
export interface ParsedArgs<F extends Flags = Flags> {
  /** Whether help was asked for; nothing is checked then, and the flags hold their defaults. */
  readonly help: boolean;
  /** The flags' values by name. */
  readonly flags: { readonly [K in keyof F]: z.output<F[K]> };
  /** The settings that were given, by the names of their flags. */
  readonly settings: Readonly<Record<string, string>>;
  /** The other arguments. */
  readonly positionals: readonly string[];
}

/**
 * Reads a command line. One leading `--` is passed over (`deno task` hands it on); a flag given
 * twice counts as given last.
 *
 * @param spec The command.
 * @param args The arguments after the command's name.
 * @returns The values.
 * @throws {TidegateError} `TG_USAGE`, with every problem on a line of its own.
 */
export function parseCommand<F extends Flags>(
  spec: CommandSpec<F>,
  args: readonly string[],
): ParsedArgs<F> {
  const problems: string[] = [];
  const known = { ...spec.settings, ...spec.flags };
  const written = writtenFlags(known, args[0] === "--" ? args.slice(1) : args, problems);
  const help = written.texts.has("help");
  const values: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(spec.flags)) {
    const given = help ? undefined : written.texts.get(name);
    if (schema instanceof z.ZodBoolean) {
      values[name] = given !== undefined;
      continue;
    }
    const read = schema.safeParse(given?.trim());
    if (read.success) values[name] = read.data;
    else problems.push(`--${name} must be ${wordingOf(schema).must}, got "${given}"`);
  }
  // After an unknown flag nobody can tell its value from an argument: leave those alone.
  if (!help && problems.length === 0) checkPositionals(spec, written.positionals, problems);
  if (!help && problems.length > 0) {
    throw new TidegateError("TG_USAGE", [`Cannot run ${spec.name}:`, ...problems].join("\n  "), {
      next: `See the flags with: deno task ${spec.name} --help`,
    });
  }
  // The one cast: the loop above went over the keys of F and made each value by its own schema.
  const flags = values as ParsedArgs<F>["flags"];
  const settings = [...written.texts].filter(([name]) => Object.hasOwn(spec.settings ?? {}, name));
  return { help, flags, settings: Object.fromEntries(settings), positionals: written.positionals };
}

/** The flags and arguments as they were written, before any is checked. */
interface Written {
  readonly texts: ReadonlyMap<string, string>;
  readonly positionals: readonly string[];
}

type Options = Record<string, { type: "string" | "boolean"; short?: string }>;

function writtenFlags(flags: Flags, args: readonly string[], problems: string[]): Written {
  const options = new Map<string, Options[string]>();
  for (const [name, schema] of Object.entries(flags)) {
    options.set(name, { type: schema instanceof z.ZodBoolean ? "boolean" : "string" });
  }
  options.set("help", { type: "boolean", short: "h" });
  const texts = new Map<string, string>();
  const positionals: string[] = [];
  for (const token of tokensOf(Object.fromEntries(options), args, problems)) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const type = options.get(token.name)?.type;
    if (type === undefined) {
      problems.push(`there is no flag ${token.rawName}`);
    } else if (type === "boolean") {
      if (token.value !== undefined) problems.push(`${token.rawName} takes no value`);
      texts.set(token.name, "");
    } else if (token.value === undefined || token.value === "") {
      problems.push(`${token.rawName} needs a value`);
    } else {
      texts.set(token.name, token.value);
    }
  }
  return { texts, positionals };
}

function tokensOf(options: Options, args: readonly string[], problems: string[]) {
  const rest = [...args];
  for (;;) {
    const { tokens } = parseArgs({ args: rest, options, strict: false, tokens: true });
    // The parser takes whatever follows a flag for its value, the next flag too: say so, and read
    // on as if that flag stood alone.
    const greedy = tokens.find((token) =>
      token.kind === "option" && token.inlineValue === false && /^--|^-[a-z]/i.test(token.value)
    );
    if (greedy === undefined) return tokens;
    if (greedy.kind === "option") problems.push(`${greedy.rawName} needs a value`);
    rest.splice(greedy.index, 1);
  }
}

function checkPositionals(
  spec: Pick<CommandSpec, "positionals">,
  positionals: readonly string[],
  problems: string[],
): void {
  const wanted = spec.positionals ?? [];
  for (const { name } of wanted.slice(positionals.length).filter((one) => one.required === true)) {
    problems.push(`${name} must be given`);
  }
  if (wanted.some((one) => one.rest === true)) return;
  for (const extra of positionals.slice(wanted.length)) {
    problems.push(`there is no use for "${extra}"`);
  }
}

/** Stands for a blank at which a line must not break. */
const UNBROKEN = "\u00a0";

/** The text of `--help`: plain, aligned, at most 100 columns where words allow. */
export function helpText(spec: CommandSpec): string {
  const positionals = spec.positionals ?? [];
  const settings = Object.keys(spec.settings ?? {}).map((name) => `--${name}`);
  const usage = positionals.map(({ name, required, rest }) => {
    const argument = rest === true ? `${name}…` : name;
    return required === true ? argument : `[${argument}]`;
  });
  const rows: readonly (readonly [string, string])[] = [
    ...positionals.map(({ name, description }) => [name, description] as const),
    ...Object.entries(spec.flags).map(flagHelp),
    ["--help", "Shows this."],
  ];
  const width = Math.min(36, Math.max(...rows.map(([left]) => left.length)));
  return [
    `Usage: deno task ${[spec.name, ...usage, "[flags]"].join(" ")}`,
    "",
    ...wrap(spec.summary, 100),
    "",
    ...rows.flatMap(([left, right]) => {
      const [first = "", ...more] = wrap(right, 100 - width - 4);
      const head = left.length > width
        ? [`  ${left}`, `  ${" ".repeat(width)}  ${first}`]
        : [`  ${left.padEnd(width)}  ${first}`];
      return [...head, ...more.map((line) => `  ${" ".repeat(width)}  ${line}`)];
    }),
    ...(settings.length === 0 ? [] : [
      "",
      "Settings, each also an environment variable, explained in docs/operations.md:",
      ...wrap(settings.join(" "), 98).map((line) => `  ${line}`),
    ]),
    "",
  ].join("\n");
}

function flagHelp([name, schema]: readonly [string, z.ZodType]): readonly [string, string] {
  const description = schema.description ?? "";
  if (schema instanceof z.ZodBoolean) return [`--${name}`, description];
  const standard = defaultOf(schema);
  const hint = standard === null ? "" : ` [default: ${standard}]`.replaceAll(": ", `:${UNBROKEN}`);
  return [`--${name} ${wordingOf(schema).placeholder}`, description + hint];
}

function wrap(words: string, width: number): string[] {
  const lines: string[] = [];
  for (const one of words.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + one.length <= width) {
      lines[lines.length - 1] = `${last} ${one}`;
    } else {
      lines.push(one);
    }
  }
  return lines.map((line) => line.replaceAll(UNBROKEN, " "));
}
