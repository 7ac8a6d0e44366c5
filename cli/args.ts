/**
 * Command lines: one spec a command, from which flags are read, checked and explained. A thin
 * layer over `node:util` that knows types and finds all problems at once.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { TidegateError } from "../core/errors.ts";
import {
  type CommandSpec,
  type Env,
  type FlagSpec,
  type FlagSpecs,
  type FlagValue,
  kindOf,
} from "./flags.ts";
import { oneOfKind } from "./values.ts";

export type {
  CommandSpec,
  Env,
  FlagCommon,
  FlagSpec,
  FlagSpecs,
  FlagValue,
  MeasureFlag,
  NumberFlag,
  PositionalSpec,
  SwitchFlag,
  TextFlag,
} from "./flags.ts";
export { helpText } from "./help.ts";

/** What a command line says. */
export interface ParsedArgs<F extends FlagSpecs> {
  /** Whether help was asked for; nothing is checked then, and the flags hold their defaults. */
  readonly help: boolean;
  /** The flags' values by name. */
  readonly flags: { readonly [K in keyof F]: FlagValue<F[K]> };
  /** The flags that were given, on the command line or by the environment. */
  readonly given: ReadonlySet<string>;
  /** The other arguments. */
  readonly positionals: readonly string[];
}

/**
 * Reads a command line. One leading `--` is passed over (`deno task` hands it on); a flag given
 * twice counts as given last; an empty environment variable counts as unset.
 *
 * @param spec The command.
 * @param args The arguments after the command's name.
 * @param env The environment for flags that name a variable.
 * @returns The values.
 * @throws {TidegateError} `TG_USAGE`, with every problem on a line of its own.
 */
export function parseCommand<const F extends FlagSpecs>(
  spec: CommandSpec<F>,
  args: readonly string[],
  env: Env = {},
): ParsedArgs<F> {
  const problems: string[] = [];
  const written = writtenFlags(spec.flags, args[0] === "--" ? args.slice(1) : args, problems);
  const values: Record<string, string | number | boolean | undefined> = {};
  const given = new Set<string>();
  const help = written.texts.has("help");
  for (const [name, flag] of Object.entries(spec.flags)) {
    const byEnv = flag.env === undefined ? undefined : env[flag.env] || undefined;
    const text = help ? undefined : written.texts.get(name) ?? byEnv;
    if (text !== undefined) given.add(name);
    const label = written.texts.has(name) ? `--${name}` : `${flag.env} (--${name})`;
    values[name] = flagValue(flag, label, text, problems);
  }
  // After an unknown flag nobody can tell its value from an argument: leave those alone.
  if (!help && problems.length === 0) checkPositionals(spec, written.positionals, problems);
  if (!help && problems.length > 0) {
    throw new TidegateError("TG_USAGE", [`Cannot run ${spec.name}:`, ...problems].join("\n  "), {
      next: `See the flags with: deno task ${spec.name} --help`,
    });
  }
  // The one cast: the loop above went over the keys of F and made each value by its own spec.
  const flags = values as ParsedArgs<F>["flags"];
  return { help, flags, given, positionals: written.positionals };
}

/** The flags and arguments as they were written, before any is checked. */
interface Written {
  readonly texts: ReadonlyMap<string, string>;
  readonly positionals: readonly string[];
}

function writtenFlags(specs: FlagSpecs, args: readonly string[], problems: string[]): Written {
  const options = new Map<string, { type: "string" | "boolean"; short?: string }>();
  for (const [name, flag] of Object.entries(specs)) {
    options.set(name, { type: flag.type === "boolean" ? "boolean" : "string" });
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

function tokensOf(
  options: Record<string, { type: "string" | "boolean"; short?: string }>,
  args: readonly string[],
  problems: string[],
) {
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

function flagValue(
  flag: FlagSpec,
  label: string,
  text: string | undefined,
  problems: string[],
): string | number | boolean | undefined {
  if (flag.type === "boolean") return switchValue(label, text, problems);
  if (text === undefined && typeof flag.default === "number") return flag.default;
  const wanted = text ?? flag.default;
  if (wanted === undefined) return undefined;
  const kind = kindOf(flag);
  const value = kind.read(String(wanted).trim());
  if (value === undefined) problems.push(`${label} must be ${kind.must}, got "${wanted}"`);
  return value;
}

function switchValue(label: string, text: string | undefined, problems: string[]): boolean {
  // On the command line a switch has no text; in the environment it is a word.
  if (text === undefined) return false;
  if (text === "") return true;
  const kind = oneOfKind(["true", "false", "1", "0"]);
  const word = kind.read(text);
  if (word === undefined) problems.push(`${label} must be ${kind.must}, got "${text}"`);
  return word === "true" || word === "1";
}

function checkPositionals(
  spec: CommandSpec,
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
