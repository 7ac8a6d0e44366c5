/**
 * The shape of a command.
 *
 * @module
 */

import {
  type CommandSpec,
  type FlagSpecs,
  helpText,
  parseCommand,
  type ParsedArgs,
} from "./args.ts";

/** A command: what it is called with, and what it does. */
export interface Command {
  /** Its name, flags and arguments. */
  readonly spec: CommandSpec;
  /**
   * Runs it.
   *
   * @param args The arguments after the command's name.
   * @returns The exit code.
   */
  readonly run: (args: readonly string[]) => Promise<number>;
}

/**
 * Makes a command of its spec and its work. `--help` is answered here.
 *
 * @param spec The spec.
 * @param work What it does with its parsed arguments; gives the exit code.
 * @returns The command.
 */
export function command<const F extends FlagSpecs>(
  spec: CommandSpec<F>,
  work: (args: ParsedArgs<F>) => Promise<number>,
): Command {
  return {
    spec,
    async run(args) {
      const parsed = parseCommand(spec, args, Deno.env.toObject());
      if (!parsed.help) return await work(parsed);
      console.log(helpText(spec));
      return 0;
    },
  };
}
