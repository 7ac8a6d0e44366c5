/**
 * The clock workflow of the model, wired as `workflows/clock.ts` and `activities/close_windows.ts`
 * are, except that a window is told of a watermark only once that is durable.
 *
 * @module
 */

import {
  type ClosedWindow,
  CloseTimers,
  type CloseTimersSnapshot,
} from "../../core/event_time/close_timers.ts";
import {
  PipelineClock,
  type PipelineClockSnapshot,
  type Report,
  type ReportAnswer,
} from "../../core/flow/pipeline_clock.ts";
import type { WindowShard } from "../../core/flow/slice.ts";
import { Violation, windowKey } from "./audit.ts";
import { TrustingClock } from "./mutations.ts";
import type { Simulation } from "./simulation.ts";
import type { Answer } from "./world.ts";

interface Update {
  readonly report: Report;
  readonly answer: Answer<ReportAnswer>;
}

interface ClockState {
  readonly clock: PipelineClockSnapshot;
  readonly timers: CloseTimersSnapshot;
}

/** The clock. */
export class ClockActor {
  readonly #sim: Simulation;
  /** What would be read back after a crash. */
  #durable: ClockState;
  #time: PipelineClock;
  #timers: CloseTimers;
  #isDown = false;
  #epoch = 0;
  /** Windows being told; while there are any, the loop waits. */
  #telling = 0;
  #wakes = 0;
  readonly #waiting: Update[] = [];
  /** Answers that wait for the state to be durable. */
  readonly #unanswered: (() => void)[] = [];

  constructor(sim: Simulation, partitions: readonly number[]) {
    this.#sim = sim;
    this.#time = this.#newTime(partitions);
    this.#timers = new CloseTimers();
    this.#durable = this.#now();
  }

  /** The clock. */
  get time(): PipelineClock {
    return this.#time;
  }

  /** The timers. */
  get timers(): CloseTimers {
    return this.#timers;
  }

  /** Whether nothing is under way, and nothing will be without a report. */
  get isAtRest(): boolean {
    const { watermark } = this.#time;
    return !this.#isDown && this.#telling === 0 && this.#waiting.length === 0 &&
      this.#timers.due(watermark, this.#sim.world.now, 1).length === 0 &&
      // A window that was tampered with may have told of its end before it was registered.
      this.#timers.open.every(({ id, fired }) =>
        fired !== 2 || this.#sim.windows.get(id)?.completed
      );
  }

  /** A drain's report. */
  update(report: Report, answer: Answer<ReportAnswer>): void {
    // In one workflow task no message comes in between.
    const isBusy = this.#isUnsafe && this.#telling > 0;
    if (this.#isDown || isBusy) this.#waiting.push({ report, answer });
    else this.#take({ report, answer });
  }

  /** A window has completed. The signal is durable as soon as it is accepted. */
  closed(window: ClosedWindow): void {
    this.#timers.closed(window);
    const durable = this.#saved();
    const timers = new CloseTimers(durable.timers);
    timers.closed(window);
    this.#durable = { ...durable, timers: timers.snapshot() };
    this.#wake();
  }

  /** Closes all windows. */
  flush(): void {
    if (this.#time.hasActive) throw new Violation("a flush while a partition is active");
    this.#time.flush(this.#timers.lastTime() ?? -Infinity);
    this.#saveUnlessUnsafe();
    this.#wake();
  }

  /** Loses what is not durable, and comes back after a while. */
  crash(): void {
    this.#sim.world.count("clock crashes");
    this.#epoch += 1;
    this.#telling = 0;
    this.#unanswered.length = 0;
    this.#isDown = true;
    const { clock, timers } = this.#saved();
    this.#time = this.#newTime([], clock);
    this.#timers = new CloseTimers(timers);
    const { world } = this.#sim;
    world.after(world.random.int(0, 50 * world.faults.latencyMs), () => {
      this.#isDown = false;
      this.#loop();
      for (const update of this.#waiting.splice(0)) this.update(update.report, update.answer);
    });
  }

  get #isUnsafe(): boolean {
    return this.#sim.without === "durable-watermark";
  }

  #take({ report, answer }: Update): void {
    const { world, audit } = this.#sim;
    const time = this.#time;
    if (time.isNew(report)) { for (const window of report.opened) this.#register(window); }
    world.count(time.isNew(report) ? `reports: ${report.kind}` : "reports repeated");
    const given = time.report(report, world.now, this.#timers.pendingTimes());
    if (!this.#isUnsafe) audit.watermark(time.watermark);
    this.#saveUnlessUnsafe();
    if (this.#isUnsafe) this.#unanswered.push(() => answer(given));
    else answer(given);
    this.#wake();
  }

  #register(window: WindowShard): void {
    const { windowing: { sizeMs }, latenessMs } = this.#sim.scenario.plan;
    const end = window.start + sizeMs;
    const id = windowKey(window);
    this.#timers.register(
      { id, start: window.start, end, final: end + latenessMs },
      this.#time.watermark,
    );
  }

  #wake(): void {
    if (this.#telling === 0 && !this.#isDown) this.#loop();
  }

  #loop(): void {
    const { world, audit } = this.#sim;
    this.#time.runOn(world.now, this.#timers.pendingTimes());
    this.#saveUnlessUnsafe();
    const { watermark } = this.#time;
    if (!this.#isUnsafe) audit.watermark(watermark);
    const due = this.#timers.due(watermark, world.now, world.random.pick([1, 3, 200]));
    if (watermark !== null && due.length > 0) {
      for (const id of due) this.#tell(id, watermark);
      return;
    }
    this.#save();
    for (const answer of this.#unanswered.splice(0)) answer();
    if (world.random.chance(world.faults.continueAsNew)) {
      world.count("clock continued as new");
      const { clock, timers } = this.#saved();
      this.#time = this.#newTime([], clock);
      this.#timers = new CloseTimers(timers);
    }
    for (const update of this.#waiting.splice(0)) this.update(update.report, update.answer);
    const wakeMs = Math.min(
      this.#time.nextRunOnMs(this.#timers.pendingTimes()) ?? Infinity,
      this.#timers.nextRepeatMs() ?? Infinity,
    );
    if (wakeMs === Infinity) return;
    const wakes = ++this.#wakes;
    world.after(Math.max(1, wakeMs - world.now), () => {
      if (wakes === this.#wakes) this.#wake();
    });
  }

  #tell(id: string, watermark: number): void {
    const { world, windows } = this.#sim;
    const epoch = this.#epoch;
    this.#telling += 1;
    world.call<"told" | "lost">(
      () => epoch === this.#epoch,
      (answer) => {
        const window = windows.get(id);
        if (window === undefined) {
          throw new Violation(`window ${id} is registered, but was never started`);
        }
        window.signal({ kind: "close", watermark });
        answer(window.terminated ? "lost" : "told");
      },
      (outcome) => {
        if (world.random.chance(world.faults.crash)) return this.crash();
        if (outcome === "lost") this.#timers.lose(id, "terminated");
        else this.#timers.sent(id, watermark, world.now);
        this.#telling -= 1;
        this.#wake();
      },
    );
  }

  #newTime(partitions: readonly number[], snapshot?: PipelineClockSnapshot) {
    return this.#sim.without === "seq-fence"
      ? new TrustingClock(partitions, snapshot)
      : new PipelineClock(partitions, snapshot);
  }

  #saveUnlessUnsafe(): void {
    if (!this.#isUnsafe) this.#save();
  }

  #now(): ClockState {
    return { clock: this.#time.snapshot(), timers: this.#timers.snapshot() };
  }

  #save(): void {
    this.#durable = this.#now();
  }

  /** As it travels: what JSON can't hold would be lost. */
  #saved(): ClockState {
    return JSON.parse(JSON.stringify(this.#durable));
  }
}
