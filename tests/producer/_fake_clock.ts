/** A clock that stands still unless somebody sleeps; then it jumps to the end of the sleep. */
export class FakeClock {
  #nowMs: number;
  readonly #events: { atMs: number; run: () => void }[] = [];

  /** @param startMs What it shows at first, epoch ms. */
  constructor(startMs: number) {
    this.#nowMs = startMs;
  }

  /** What it shows. */
  readonly now = (): number => this.#nowMs;

  /** Sleeps; whatever is due meanwhile runs. */
  readonly sleep = (ms: number, signal?: AbortSignal): Promise<void> => {
    const untilMs = this.#nowMs + ms;
    for (const event of this.#events.filter(({ atMs }) => atMs <= untilMs)) {
      this.#events.splice(this.#events.indexOf(event), 1);
      this.#nowMs = Math.max(this.#nowMs, event.atMs);
      event.run();
      if (signal?.aborted === true) return Promise.resolve();
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
    return Promise.resolve();
  };

  /** Runs something once the clock passes a time. */
  at(atMs: number, run: () => void): void {
    this.#events.push({ atMs, run });
  }

  /** The hooks of a load that lives by this clock. */
  get hooks(): { now: () => number; sleep: FakeClock["sleep"] } {
    return { now: this.now, sleep: this.sleep };
  }
}
