import type { Machine, RunResult } from "../../devstack/machine.ts";

/** A machine with these programs, variables and files, and no others. */
export class FakeMachine implements Machine {
  /** The command lines that were run. */
  readonly ran: string[] = [];
  readonly #programs: Readonly<Record<string, Partial<RunResult>>>;
  readonly #env: Readonly<Record<string, string>>;
  readonly #files: readonly string[];

  constructor(
    programs: Readonly<Record<string, Partial<RunResult>>>,
    env: Readonly<Record<string, string>> = {},
    files: readonly string[] = [],
  ) {
    this.#programs = programs;
    this.#env = env;
    this.#files = files;
  }

  run(program: string, args: readonly string[]): Promise<RunResult | null> {
    this.ran.push([program, ...args].join(" "));
    const answer = this.#programs[program];
    return Promise.resolve(
      answer === undefined ? null : { code: 0, stdout: "", stderr: "", ...answer },
    );
  }

  env(name: string): string | undefined {
    return this.#env[name];
  }

  exists(path: string): Promise<boolean> {
    return Promise.resolve(this.#files.includes(path));
  }
}
