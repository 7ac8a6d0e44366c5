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
 * Runs this very Deno at the root of the project and waits for its end.
 *
 * @param args Its arguments.
 * @returns How it ended.
 */
export async function runDeno(args: readonly string[]): Promise<Ran> {
  const ran = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  return { code: ran.code, stdout: text.decode(ran.stdout), stderr: text.decode(ran.stderr) };
}
