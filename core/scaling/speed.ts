/**
 * What slices tell about the workers that folded them: how much one worker folds while it is busy,
 * and how busy each is.
 *
 * @module
 */

/** A folded slice, as far as it tells about its worker. */
export interface SliceNote {
  /** The partition. */
  readonly partition: number;
  /** First offset of the slice. */
  readonly from: number;
  /** Offset after the slice. */
  readonly to: number;
  /** Who folded it. */
  readonly worker: string;
  /** When it was done, by the worker's own clock, epoch ms. */
  readonly endedAtMs: number;
  /** How long it took, in ms. */
  readonly busyMs: number;
}

/** How a worker spent some time. */
export interface WorkerLoad {
  /** The worker. */
  readonly worker: string;
  /** Offsets that it folded. */
  readonly offsets: number;
  /** How long it had at least one slice at hand, in ms. */
  readonly busyMs: number;
}

/**
 * How each worker among some slices spent its time, by name. Slices that a worker folded side by side
 * count their common time once: what one worker is worth is what all its slots together fold.
 */
export function loadsOf(notes: readonly SliceNote[]): WorkerLoad[] {
  const byWorker = new Map<string, SliceNote[]>();
  for (const note of notes) {
    const known = byWorker.get(note.worker);
    if (known === undefined) byWorker.set(note.worker, [note]);
    else known.push(note);
  }
  return [...byWorker]
    .map(([worker, all]) => ({
      worker,
      offsets: all.reduce((sum, { from, to }) => sum + to - from, 0),
      busyMs: unionMs(all),
    }))
    .sort((a, b) => (a.worker < b.worker ? -1 : 1));
}

/** Offsets folded per busy second and worker; null where nothing was folded, or in no measurable time. */
export function workerRateOf(notes: readonly SliceNote[]): number | null {
  const loads = loadsOf(notes);
  const offsets = loads.reduce((sum, load) => sum + load.offsets, 0);
  const busyMs = loads.reduce((sum, load) => sum + load.busyMs, 0);
  return offsets === 0 || busyMs === 0 ? null : offsets * 1000 / busyMs;
}

/** How long at least one of the slices was at hand, in ms. */
function unionMs(notes: readonly SliceNote[]): number {
  const spans = notes
    .map(({ endedAtMs, busyMs }) => [endedAtMs - busyMs, endedAtMs] as const)
    .sort((a, b) => a[0] - b[0]);
  let total = 0;
  let until = -Infinity;
  for (const [start, end] of spans) {
    total += Math.max(0, end - Math.max(start, until));
    until = Math.max(until, end);
  }
  return total;
}
