/**
 * The little that finding a server needs of the machine: running a program to its end, reading an
 * environment variable, looking whether a file is there. Behind an interface, so that the order of
 * the sources is tested without any of them.
 *
 * @module
 */

/** What a program did. */
export interface RunResult {
  /** Its exit code; -1 where it was ended by the time limit. */
  readonly code: number;
  /** What it wrote to stdout. */
  readonly stdout: string;
  /** What it wrote to stderr. */
  readonly stderr: string;
}

/** Options of {@linkcode Machine.run}. */
export interface RunOptions {
  /**
   * Time limit in ms; the program is killed at its end.
   * @default {10000}
   */
  readonly timeoutMs?: number;
  /**
   * Environment variables on top of the present ones.
   * @default {{}}
   */
  readonly env?: Readonly<Record<string, string>>;
}

/** The machine as the finders see it. */
export interface Machine {
  /** Runs a program to its end; null where there is no such program. */
  run(program: string, args: readonly string[], options?: RunOptions): Promise<RunResult | null>;
  /** An environment variable, or undefined where it is unset or empty. */
  env(name: string): string | undefined;
  /** Whether there is a file or folder at the path. */
  exists(path: string): Promise<boolean>;
}

/** Whether the error says that a program or file is not there or can't be run. */
export function isAbsent(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied ||
    error instanceof Deno.errors.NotADirectory;
}

/** The machine this process runs on. */
export const thisMachine: Machine = {
  async run(program, args, options = {}) {
    const { timeoutMs = 10_000, env = {} } = options;
    const limit = AbortSignal.timeout(timeoutMs);
    try {
      const command = new Deno.Command(program, {
        args: [...args],
        env: { ...env },
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
        signal: limit,
      });
      const output = await command.output();
      const text = new TextDecoder();
      return {
        code: limit.aborted ? -1 : output.code,
        stdout: text.decode(output.stdout),
        stderr: text.decode(output.stderr),
      };
    } catch (error) {
      if (isAbsent(error)) return null;
      throw error;
    }
  },
  env(name) {
    return Deno.env.get(name) || undefined;
  },
  async exists(path) {
    try {
      await Deno.stat(path);
      return true;
    } catch (error) {
      if (isAbsent(error)) return false;
      throw error;
    }
  },
};

/**
 * The folder of what is built once for all projects.
 *
 * @param env Reads an environment variable.
 * @returns `$TIDEGATE_CACHE`, else `$XDG_CACHE_HOME/tidegate`, else `~/.cache/tidegate`.
 */
export function defaultCacheDir(env: (name: string) => string | undefined): string {
  const own = env("TIDEGATE_CACHE");
  if (own !== undefined) return own;
  const xdg = env("XDG_CACHE_HOME");
  if (xdg !== undefined) return `${xdg}/tidegate`;
  return `${env("HOME") ?? "."}/.cache/tidegate`;
}
