/**
 * A drain workflow of the model, wired as `workflows/drain.ts` is, with Temporal's durability: the
 * results of activities, timers and messages are in the history at once, those of local activities
 * only when the workflow task ends. A crash in between replays the history, with the messages that
 * have come since, and does the rest again.
 *
 * @module
 */

import { type DrainState, type DrainStep, HOLD_MS, newDrain } from "../../core/flow/drain_state.ts";
import type { ReportAnswer } from "../../core/flow/pipeline_clock.ts";
import type { DeliveryOutcome, WindowPartial } from "../../core/flow/slice.ts";
import { lookAtLog } from "./await_activity.ts";
import { Violation } from "./audit.ts";
import { foldActivity, type FoldOrder } from "./fold_activity.ts";
import { type Change, Journal } from "./journal.ts";
import type { Simulation } from "./simulation.ts";

/** A message where it is taken: the state may refuse it, and then it leaves nothing behind. */
export type Message = (state: DrainState) => Change | null;

/** A drain. */
export class DrainActor {
  readonly #sim: Simulation;
  readonly #partition: number;
  readonly #journal: Journal;
  /** Messages that came while a workflow task is under way. */
  #buffered: Message[] = [];
  #inTask = true;
  #epoch = 0;
  /** Whether it waits for records or messages. */
  #waits = false;
  /** Ends a wait, a look at the log or a fold that a message has made needless. */
  #interrupt: (() => void) | null = null;

  constructor(sim: Simulation, partition: number, until: number | null) {
    const { plan, paceMs } = sim.scenario;
    const { windowing, delayMs, latenessMs, idleAfterMs, maxDriftMs } = plan;
    this.#sim = sim;
    this.#partition = partition;
    const rules = { windowing, delayMs, latenessMs, idleAfterMs, maxDriftMs, paceMs };
    this.#journal = new Journal(rules, newDrain(partition, 0, until));
  }

  /** Its state. */
  get state(): DrainState {
    return this.#journal.state;
  }

  /** Whether it waits for records or for messages, and for nothing else. */
  get isAtRest(): boolean {
    return this.#waits && this.#buffered.length === 0;
  }

  /** Begins. */
  begin(): void {
    this.#loop();
  }

  /** A signal or an update has come. */
  message(message: Message): void {
    const { world } = this.#sim;
    if (!this.#inTask) return this.#takeMessage(message);
    this.#buffered.push(message);
    const epoch = this.#epoch;
    // A long workflow task reports what it has so far, and gets what has come.
    world.after(world.latency(), () => {
      if (epoch !== this.#epoch || !this.#inTask) return;
      this.#journal.save();
      for (const buffered of this.#buffered.splice(0)) this.#takeMessage(buffered);
    });
  }

  /** The process is gone: a workflow task that was under way is done again from the start. */
  crash(): void {
    if (!this.#inTask) {
      // Nothing was under way: replaying must lead to the same state.
      const before = JSON.stringify(this.state.snapshot());
      this.#journal.replay();
      if (JSON.stringify(this.state.snapshot()) !== before) throw new Violation("replay differs");
      return;
    }
    const { world } = this.#sim;
    world.count("drain crashes in a task");
    const epoch = ++this.#epoch;
    this.#journal.replay();
    for (const buffered of this.#buffered.splice(0)) this.#takeMessage(buffered);
    world.after(world.random.int(1, 50 * world.faults.latencyMs), () => {
      if (epoch === this.#epoch) this.#loop();
    });
  }

  #takeMessage(message: Message): void {
    const change = message(this.state);
    if (change === null) return;
    this.#journal.apply(change);
    this.#journal.save();
    this.#interrupt?.();
  }

  /** The workflow task ends: what it did is durable, and what has come meanwhile is looked at. */
  #endTask(): void {
    this.#journal.save();
    this.#inTask = false;
    for (const buffered of this.#buffered.splice(0)) this.#takeMessage(buffered);
  }

  /** A workflow task begins with the result of an activity or a timer. */
  #beginTask(change: Change): void {
    this.#inTask = true;
    this.#journal.apply(change);
    this.#journal.save();
    this.#loop();
  }

  #loop(): void {
    const { world, without } = this.#sim;
    this.#inTask = true;
    if (this.state.betweenCycles && world.random.chance(world.faults.continueAsNew)) {
      // The server refuses it while there are messages that were not looked at.
      if (this.#buffered.length > 0) return this.crash();
      world.count("drains continued as new");
      this.#journal.continueAsNew();
    }
    const now = world.now;
    let step: DrainStep = { kind: "wait" };
    this.#journal.apply((state) => step = state.next(without === "seq-time" ? 0 : now));
    world.count(`steps: ${step.kind}`);
    this.#carryOut(step);
  }

  #carryOut(step: DrainStep): void {
    switch (step.kind) {
      case "wait":
        this.#until(() => true);
        this.#waits = true;
        return this.#endTask();
      case "await":
        return this.#await(step);
      case "hold": {
        this.#endTask();
        return this.#sim.world.after(HOLD_MS, () => this.#beginTask((state) => state.onHeld()));
      }
      case "fold":
        return this.#fold(this.#order());
      case "refold": {
        const delivery = this.state.snapshot().inDelivery;
        if (delivery === null) return this.#loop();
        const { from, to: until, maxEventTimeBefore: maxEventTime } = delivery;
        return this.#fold({ ...this.#order(), from, until, maxEventTime, refused: step.refused });
      }
      case "deliver":
        return this.#deliver(step.windows);
      case "report": {
        const { report } = step;
        return this.#sim.world.call<ReportAnswer>(
          this.#alive(),
          (answer) => this.#sim.clock.update(report, answer),
          (answer) => this.#local((state) => state.onAnswer(answer)),
        );
      }
    }
  }

  /** The result of a local activity; a crash here loses it. */
  #local(change: Change): void {
    const { world } = this.#sim;
    if (world.random.chance(world.faults.crash)) return this.crash();
    this.#journal.apply(change);
    this.#loop();
  }

  #await(step: Extract<DrainStep, { kind: "await" }>): void {
    const result = this.#until(() => true);
    this.#waits = true;
    const { cursor } = this.state.snapshot();
    lookAtLog(this.#sim, this.#partition, { ...step, cursor }, (answer) => {
      if (!result()) return;
      const now = this.#sim.world.now;
      this.#beginTask((state) => state.onAwait(answer, now));
    });
    this.#endTask();
  }

  /**
   * An activity or a wait is under way, until a message has made it needless.
   *
   * @param needless Tells that from the state.
   * @returns Takes the result, if it is still wanted.
   */
  #until(needless: () => boolean): () => boolean {
    let isOver = false;
    const end = () => {
      isOver = true;
      this.#interrupt = null;
      this.#waits = false;
    };
    this.#interrupt = () => {
      if (!needless()) return;
      end();
      this.#wakeUp();
    };
    return () => {
      if (isOver) return false;
      end();
      return true;
    };
  }

  /** A message has ended a wait: a new workflow task, but not before all messages are taken. */
  #wakeUp(): void {
    this.#inTask = true;
    const epoch = this.#epoch;
    this.#sim.world.after(0, () => {
      if (epoch === this.#epoch) this.#loop();
    });
  }

  #order(): FoldOrder {
    const { cursor: from, until, maxEventTime, floor } = this.state.snapshot();
    const given = this.#sim.without === "floor" ? null : floor;
    return { partition: this.#partition, from, until, maxEventTime, floor: given };
  }

  #fold(order: FoldOrder): void {
    const isRefold = order.refused !== undefined;
    const isWanted = this.#until(() => {
      const { mode } = this.state.snapshot();
      const isNeedless = mode === "stopped" || (mode === "excluded" && !isRefold);
      // What it has written to the side topics by then stays there.
      this.#sim.dropped ||= isNeedless;
      return isNeedless;
    });
    foldActivity(this.#sim, order, (result) => {
      if (!isWanted()) return;
      if (isRefold) {
        const moved = result.moved ?? { events: 0, pairs: 0 };
        this.#sim.audit.refolded(this.#partition, result.to, order.refused ?? []);
        return this.#beginTask((state) => state.onRefold(moved));
      }
      // A slice is dropped if somebody let the partition go on from elsewhere meanwhile.
      const isTaken = this.state.snapshot().cursor === result.from;
      if (isTaken) this.#sim.audit.folded(this.#partition, result, order.floor);
      this.#beginTask((state) => state.onSlice(result));
    });
    this.#endTask();
  }

  #deliver(windows: readonly WindowPartial[]): void {
    const delivery = this.state.snapshot().inDelivery;
    if (delivery === null) return this.#loop();
    const { from, to } = delivery;
    const outcomes: (readonly [WindowPartial, DeliveryOutcome])[] = [];
    const isHasty = this.#sim.without === "deliver-before-report";
    for (const window of windows) {
      this.#sim.world.call<DeliveryOutcome>(
        isHasty ? () => true : this.#alive(),
        (answer) => {
          const partial = { partition: this.#partition, from, to, cells: window.cells };
          const target = this.#sim.window(window);
          if (target.signal({ kind: "fold", partial })) return answer("delivered");
          if (target.terminated) {
            this.#sim.audit.lost(this.#partition, window);
            return answer("lost");
          }
          const taken = target.state.lastTo.find(([p]) => p === this.#partition)?.[1] ?? -1;
          if (taken >= to) return answer("delivered");
          this.#sim.audit.refused(this.#partition, window);
          answer("refused");
        },
        (outcome) => {
          if (isHasty) return;
          outcomes.push([window, outcome]);
          if (outcomes.length === windows.length) this.#delivered(outcomes);
        },
      );
    }
    if (isHasty) this.#local((state) => state.onDelivered(windows.map((w) => [w, "delivered"])));
  }

  #delivered(outcomes: readonly (readonly [WindowPartial, DeliveryOutcome])[]): void {
    const sinceMs = this.#sim.world.now;
    this.#local((state) => {
      state.onDelivered(outcomes);
      if (outcomes.every(([, outcome]) => outcome !== "lost")) return;
      state.onStop({ code: "TG_WINDOW_LOST", message: "", sinceMs });
    });
  }

  #alive(): () => boolean {
    const epoch = this.#epoch;
    return () => epoch === this.#epoch;
  }
}
