/**
 * Whether those who started this process still are there.
 *
 * A terminal sends Ctrl-C to all of its foreground processes, but who ends `npx` by its id, or closes
 * the program that started it, reaches nobody below: `npx` and `deno task` hand no signal on. A
 * command that must clean up looks for itself.
 *
 * @module
 */

import process from "node:process";

/** How often it looks, in ms. */
const LOOK_MS = 1_000;
/** Programs that start Deno for a person; above the topmost of them is the person. */
const STARTERS = /^(?:deno|node|npm|npx)/;
/** Nobody is started through more processes than that. */
const DEEPEST = 16;

/** A wait for the end of those who started this process. */
export interface ParentWatch {
  /** Resolves when one of them has ended. */
  readonly promise: Promise<void>;
  /** Stops looking. */
  dispose(): void;
}

/**
 * Begins to look whether the parent is there, and where `npx`, `npm` or `deno task` are above it,
 * those too.
 *
 * @returns The wait.
 */
export async function parentGone(): Promise<ParentWatch> {
  const parent = Deno.ppid;
  const above = await startersAbove(parent);
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setInterval(() => {
    if (Deno.ppid !== parent || !above.every(isThere)) resolve();
  }, LOOK_MS);
  Deno.unrefTimer(timer);
  return { promise, dispose: () => clearInterval(timer) };
}

/** The ancestors up to the topmost starter; a shell between two starters counts. */
async function startersAbove(parent: number): Promise<number[]> {
  const chain: number[] = [];
  let kept = 0;
  for (let pid = parent; pid > 1 && chain.length < DEEPEST;) {
    const found = await look(pid);
    if (found === null) break;
    chain.push(pid);
    if (STARTERS.test(found.name)) kept = chain.length;
    pid = found.parent;
  }
  return chain.slice(0, kept);
}

async function look(pid: number): Promise<{ parent: number; name: string } | null> {
  try {
    const { stdout } = await new Deno.Command("ps", {
      args: ["-o", "ppid=,comm=", "-p", String(pid)],
      stdin: "null",
      stderr: "null",
    }).output();
    const [, parent, name] = /^\s*(\d+)\s+(?:.*\/)?(.+?)\s*$/.exec(
      new TextDecoder().decode(stdout),
    ) ?? [];
    return parent === undefined || name === undefined ? null : { parent: Number(parent), name };
  } catch {
    return null;
  }
}

/** Signal 0 only asks. */
function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process is there all the same.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
