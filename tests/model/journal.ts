/**
 * The state of a drain as Temporal keeps it: what it was started with, and what has happened since.
 *
 * @module
 */

import { type DrainRules, type DrainSnapshot, DrainState } from "../../core/flow/drain_state.ts";

/** What a message does to the state, or an answer. */
export type Change = (state: DrainState) => void;

/** A drain's history. */
export class Journal {
  /** The state that the history leads to. */
  state: DrainState;
  readonly #rules: DrainRules;
  #start: DrainSnapshot;
  #changes: Change[] = [];
  /** How many of the changes a crash does not undo. */
  #durable = 0;

  constructor(rules: DrainRules, start: DrainSnapshot) {
    this.#rules = rules;
    this.#start = start;
    this.state = new DrainState(rules, start);
  }

  /** Something has happened. */
  apply(change: Change): void {
    this.#changes.push(change);
    change(this.state);
  }

  /** What has happened so far is in the history. */
  save(): void {
    this.#durable = this.#changes.length;
  }

  /** What is not in the history is undone, and the rest is played again. */
  replay(): void {
    this.#changes.length = this.#durable;
    this.state = new DrainState(this.#rules, this.#start);
    for (const change of this.#changes) change(this.state);
  }

  /** A new run begins with the state as it travels. */
  continueAsNew(): void {
    this.#start = JSON.parse(JSON.stringify(this.state.snapshot()));
    this.state = new DrainState(this.#rules, this.#start);
    this.#changes = [];
    this.#durable = 0;
  }
}
