/**
 * What sweeps tell about the workers that ran them: how much one worker folds while it is busy, and
 * how busy each is.
 *
 * @module
 */

/** A sweep, or a part of one, as far as it tells about its worker. */
export interface SweepNote {
  /** The sweep's number. */
  readonly n: number;
  /** Who ran it. */
  readonly worker: string;
  /** Records folded. */
  readonly records: number;
  /** How long it folded and looked up, without waiting, in ms. */
  readonly busyMs: number;
  /** How long it took, in ms. */
  readonly ranMs: number;
}

/** A note, and when it was heard of, epoch ms. */
export interface HeardNote extends SweepNote {
  /** When it was heard of by the clock of who keeps it, epoch ms. */
  readonly atMs: number;
}

/** How a worker spent some time. */
export interface WorkerLoad {
  /** The worker. */
  readonly worker: string;
  /** Records that it folded. */
  readonly records: number;
  /** How long it was busy with them, in ms. */
  readonly busyMs: number;
}

/** How each worker among some notes spent its time, by name; a worker runs one sweep at a time. */
export function loadsOf(notes: readonly SweepNote[]): WorkerLoad[] {
  const byWorker = new Map<string, WorkerLoad>();
  for (const { worker, records, busyMs } of notes) {
    const known = byWorker.get(worker) ?? { worker, records: 0, busyMs: 0 };
    byWorker.set(worker, {
      worker,
      records: known.records + records,
      busyMs: known.busyMs + busyMs,
    });
  }
  return [...byWorker.values()].sort((a, b) => (a.worker < b.worker ? -1 : 1));
}

/** Records folded per busy second and worker; null where nothing was folded, or in no measurable time. */
export function workerRateOf(notes: readonly SweepNote[]): number | null {
  const records = notes.reduce((sum, note) => sum + note.records, 0);
  const busyMs = notes.reduce((sum, note) => sum + note.busyMs, 0);
  return records === 0 || busyMs === 0 ? null : records * 1000 / busyMs;
}
