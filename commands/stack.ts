/**
 * `deno task stack`: the local servers.
 *
 * @module
 */

import { columns, print } from "../cli/output.ts";
import { readConfig, stackOptions } from "../cli/session.ts";
import { TidegateError } from "../core/errors.ts";
import { stackDown, stackReset, stackStatus, stackUp } from "../devstack/stack.ts";
import type {
  ServerStatus,
  Stack,
  StackServer,
  StackStatus,
  StackStopped,
} from "../devstack/types.ts";
import type { Args } from "./specs.ts";

/** What the command does. */
export async function action({ flags, positionals: [what] }: Args<"stack">): Promise<number> {
  const options = stackOptions(readConfig(flags));
  const tell = (value: object, lines: readonly string[]) =>
    flags.json ? print(JSON.stringify(value)) : lines.forEach(print);
  switch (what) {
    case "up": {
      const stack = await stackUp(options);
      tell(stack, describeStack(stack));
      return 0;
    }
    case "status": {
      const status = await stackStatus(options);
      tell(status, describeStatus(status));
      return status.broker.state === "up" && status.temporal.state === "up" ? 0 : 1;
    }
    case "down":
    case "reset": {
      const result = await (what === "down" ? stackDown(options) : stackReset(options));
      tell(result, describeStopped(result, what === "reset"));
      return 0;
    }
    default:
      throw new TidegateError(
        "TG_USAGE",
        `Cannot run stack: the action must be one of up, status, down, reset, got "${what}"`,
      );
  }
}

function cells(name: string, server: StackServer): string[] {
  const { address, product, version, source, pid } = server;
  return [name, address, `${product} ${version}`, source, pid === null ? "" : `pid ${pid}`];
}

/** The servers in lines. */
export function describeStack(stack: Stack): string[] {
  const rows = [cells("broker", stack.broker), cells("temporal", stack.temporal)];
  if (stack.webUi !== null) rows.push(["web ui", stack.webUi]);
  return columns(rows);
}

/** The servers' states in lines. */
export function describeStatus(status: StackStatus): string[] {
  const row = (name: string, { state, server, note }: ServerStatus): string[] => {
    if (server === null) return [name, state, note];
    const [, ...rest] = cells(name, server);
    return [name, state, ...rest, note];
  };
  const rows = [row("broker", status.broker), row("temporal", status.temporal)];
  if (status.webUi !== null) rows.push(["web ui", "", status.webUi]);
  return columns(rows);
}

/** What was stopped, in lines. */
export function describeStopped(result: StackStopped, removed: boolean): string[] {
  const lines = result.stopped.map(({ product, address, pid }) =>
    `stopped ${product} on ${address} (pid ${pid})`
  );
  lines.push(...result.left.map((sentence) => `left alone: ${sentence}`));
  if (removed) lines.push("removed the data of the local servers");
  return lines.length > 0 ? lines : ["nothing was running"];
}
