/**
 * The state file on disk.
 *
 * @module
 */
import { EMPTY_STATE, formatState, parseState, type StackState } from "./state.ts";

/** The state file of one data folder; changes made at the same time are written one by one. */
export class StateFile {
  readonly #path: string;
  #state: StackState = EMPTY_STATE;
  #written: Promise<void> = Promise.resolve();

  /**
   * Takes the path; reads nothing yet.
   *
   * @param path Path of the file; its folder must exist before a change.
   */
  constructor(path: string) {
    this.#path = path;
  }

  /** The state as last read or changed. */
  get state(): StackState {
    return this.#state;
  }

  /** Reads the file; a missing one is the empty state. */
  async load(): Promise<StackState> {
    try {
      this.#state = parseState(await Deno.readTextFile(this.#path));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      this.#state = EMPTY_STATE;
    }
    return this.#state;
  }

  /** Changes the state and writes it; a reader sees the old file or the new one, never a half. */
  async change(edit: (state: StackState) => StackState): Promise<void> {
    this.#state = edit(this.#state);
    const text = formatState(this.#state);
    const path = this.#path;
    this.#written = this.#written.then(async () => {
      const draft = `${path}.${Deno.pid}.tmp`;
      await Deno.writeTextFile(draft, text);
      await Deno.rename(draft, path);
    });
    await this.#written;
  }
}
