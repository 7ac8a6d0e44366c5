/**
 * A window workflow of the model, wired as `workflows/window.ts` and `activities/deliver.ts` are.
 *
 * @module
 */

import type { WindowShard } from "../../core/flow/slice.ts";
import { type Partial, WindowState } from "../../core/flow/window_state.ts";
import { CountingWindow } from "./mutations.ts";
import { windowKey } from "./audit.ts";
import type { Simulation } from "./simulation.ts";

type Message =
  | { readonly kind: "fold"; readonly partial: Partial }
  | { readonly kind: "close"; readonly watermark: number };

/** A window. */
export class WindowActor {
  /** Whether the workflow has completed. */
  completed = false;
  /** Whether somebody terminated it. */
  terminated = false;
  readonly #sim: Simulation;
  readonly #window: WindowShard;
  readonly #inbox: Message[] = [];
  #state: WindowState;
  #emitting = false;

  constructor(sim: Simulation, window: WindowShard) {
    this.#sim = sim;
    this.#window = window;
    this.#state = this.#newState();
  }

  /** Its state. */
  get state(): WindowState {
    return this.#state;
  }

  /** Whether the workflow has neither completed nor been terminated. */
  get isRunning(): boolean {
    return !this.completed && !this.terminated;
  }

  /** Whether nothing is under way. */
  get isAtRest(): boolean {
    return this.terminated ||
      (this.#inbox.length === 0 && !this.#emitting && (this.completed || !this.#state.rowsDue));
  }

  /** The workflow is terminated. */
  terminate(): void {
    if (!this.isRunning) return;
    this.terminated = true;
    this.#inbox.length = 0;
    this.#sim.audit.terminated(this.#window);
    this.#sim.world.count("windows terminated");
  }

  /** Takes a signal; false if the workflow has ended. */
  signal(message: Message): boolean {
    if (!this.isRunning) return false;
    if (message.kind === "fold") this.#sim.audit.accepted(this.#window, message.partial);
    this.#inbox.push(message);
    this.#sim.world.after(this.#sim.world.latency(), () => this.#process());
    return true;
  }

  #process(): void {
    const { audit, world } = this.#sim;
    if (this.terminated) return;
    for (let next = this.#inbox.shift(); next !== undefined; next = this.#inbox.shift()) {
      if (next.kind === "close") this.#state.close(next.watermark);
      else this.#fold(next.partial);
    }
    if (this.#emitting || this.completed) return;
    const rows = this.#state.takeRows();
    if (rows === undefined) {
      // The server lets no workflow complete while it has signals that were not looked at.
      if (this.#state.completed) this.completed = true;
      else if (world.random.chance(world.faults.continueAsNew)) this.#continueAsNew();
      return;
    }
    audit.emitted(this.#window, rows);
    world.count(rows.revision === 0 ? "emissions" : "emissions again");
    const { pairs, refused } = this.#state;
    const closed = { id: windowKey(this.#window), pairs, refused, rows: rows.cells.length };
    this.#emitting = true;
    let isTold = false;
    world.call<null>(
      () => true,
      (answer) => {
        audit.written(this.#window, rows);
        // One that was tampered with may be registered again, and would count twice.
        const again = isTold && audit.tampered.has(closed.id);
        if (rows.final && !again) this.#sim.clock.closed(closed);
        isTold = true;
        answer(null);
      },
      () => {
        this.#emitting = false;
        this.#process();
      },
    );
  }

  #fold(partial: Partial): void {
    const outcome = this.#state.fold(partial);
    this.#sim.world.count(`partials ${outcome}`);
    this.#sim.audit.judged(this.#window, partial, outcome);
  }

  #continueAsNew(): void {
    this.#sim.world.count("windows continued as new");
    this.#state = this.#newState(JSON.parse(JSON.stringify(this.#state.snapshot())));
  }

  #newState(snapshot?: ReturnType<WindowState["snapshot"]>): WindowState {
    const { plan } = this.#sim.scenario;
    const { aggregates, latenessMs, windowing } = plan;
    const rules = { aggregates, latenessMs, endMs: this.#window.start + windowing.sizeMs };
    return this.#sim.without === "from-to"
      ? new CountingWindow(rules, snapshot)
      : new WindowState(rules, snapshot);
  }
}
