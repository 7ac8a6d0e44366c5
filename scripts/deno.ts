/** The root of the project. */
export const ROOT = new URL("../", import.meta.url);

/** How a child ended and what it said. */
export interface Ran {
  /** Exit code; 128 + the signal's number if it was killed. */
  readonly code: number;
  /** Standard output, without colours. */
  readonly stdout: string;
  /** Standard error, without colours. */
  readonly stderr: string;
}

/**
 * Runs this very Deno and waits for its end.
 *
 * @param args Its arguments.
 * @param cwd Where; the root of the project if left out.
 * @returns How it ended.
 */
export async function runDeno(
  args: readonly string[],
  cwd: string | URL = ROOT,
): Promise<Ran> {
  const ran = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  return { code: ran.code, stdout: text.decode(ran.stdout), stderr: text.decode(ran.stderr) };
}
