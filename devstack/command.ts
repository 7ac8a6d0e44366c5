/**
 * The command `stack up | status | down | reset`: what it prints, and its exit code.
 *
 * @module
 */
import { type TgCode, TidegateError } from "../core/errors.ts";
import { stackDown, stackReset } from "./stack_down.ts";
import { stackStatus } from "./stack_status.ts";
import { stackUp } from "./stack_up.ts";
import type {
  ServerStatus,
  Stack,
  StackOptions,
  StackServer,
  StackStatus,
  StackStopped,
} from "./types.ts";

/** What the command can do. */
export type StackAction = "up" | "status" | "down" | "reset";

/** The actions, for a parser of arguments. */
export const STACK_ACTIONS: readonly StackAction[] = ["up", "status", "down", "reset"];

/** Arguments of {@linkcode stackCommand}. */
export interface StackCommandArgs {
  /** What to do. */
  readonly action: StackAction;
  /** Whether to print one line of JSON instead of text. */
  readonly json: boolean;
  /** Folders, ports, set addresses, and whom to tell. */
  readonly options: StackOptions;
}

/** Lines of cells as columns. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, i) => widths[i] = Math.max(widths[i] ?? 0, cell.length));
  }
  return rows.map((row) => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("  ").trimEnd());
}

function cells(name: string, server: StackServer): string[] {
  const { address, product, version, source, pid } = server;
  return [name, address, `${product} ${version}`, source, pid === null ? "" : `pid ${pid}`];
}

/**
 * Writes the servers for people.
 *
 * @param stack The servers.
 * @returns Lines.
 */
export function describeStack(stack: Stack): string[] {
  const rows = [cells("broker", stack.broker), cells("temporal", stack.temporal)];
  if (stack.webUi !== null) rows.push(["web ui", stack.webUi]);
  return table(rows);
}

/**
 * Writes the servers' state for people.
 *
 * @param status The servers as found.
 * @returns Lines.
 */
export function describeStatus(status: StackStatus): string[] {
  const row = (name: string, { state, server, note }: ServerStatus): string[] => {
    if (server === null) return [name, state, note];
    const [, ...rest] = cells(name, server);
    return [name, state, ...rest, note];
  };
  const rows = [row("broker", status.broker), row("temporal", status.temporal)];
  if (status.webUi !== null) rows.push(["web ui", "", status.webUi]);
  return table(rows);
}

/**
 * Writes what was stopped for people.
 *
 * @param result What was done.
 * @param removed Whether the data are gone too.
 * @returns Lines.
 */
export function describeStopped(result: StackStopped, removed: boolean): string[] {
  const lines = result.stopped.map(({ product, address, pid }) =>
    `stopped ${product} on ${address} (pid ${pid})`
  );
  lines.push(...result.left.map((sentence) => `left alone: ${sentence}`));
  if (removed) lines.push("removed the data of the local servers");
  return lines.length > 0 ? lines : ["nothing was running"];
}

/** Codes that mean a wrong setting, exit code 2; all others are failures, exit code 1. */
const WRONG_SETTING: readonly TgCode[] = ["TG_CONFIG", "TG_PORT_TAKEN", "TG_USAGE"];

async function run(args: StackCommandArgs, out: (line: string) => void): Promise<number> {
  const { action, json, options } = args;
  const print = (value: object, lines: readonly string[]) =>
    json ? out(JSON.stringify(value)) : lines.forEach((line) => out(line));
  if (action === "up") {
    const stack = await stackUp(options);
    print(stack, describeStack(stack));
    return 0;
  }
  if (action === "status") {
    const status = await stackStatus(options);
    print(status, describeStatus(status));
    return status.broker.state === "up" && status.temporal.state === "up" ? 0 : 1;
  }
  const result = await (action === "down" ? stackDown(options) : stackReset(options));
  print(result, describeStopped(result, action === "reset"));
  return 0;
}

/**
 * Runs the command.
 *
 * @param args What to do.
 * @param out Takes the answer, one line a call (meant for stdout); progress and errors go to
 * `args.options.say`.
 * @returns The exit code: 0 done (for `status`: both servers are up), 1 failed, 2 wrong setting.
 */
export async function stackCommand(
  args: StackCommandArgs,
  out: (line: string) => void,
): Promise<number> {
  try {
    return await run(args, out);
  } catch (error) {
    if (!(error instanceof TidegateError)) throw error;
    args.options.say(`${error.code}: ${error.message}`);
    if (error.next !== "") args.options.say(error.next);
    return WRONG_SETTING.includes(error.code) ? 2 : 1;
  }
}
