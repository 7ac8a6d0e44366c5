/**
 * One partition in memory: offsets, transactions, gaps, and whoever waits for records.
 *
 * @module
 */

import type { LogRecord, OffsetRange } from "../../adapters/kafka/log.ts";

/** A transaction as a partition sees it. */
export type TransactionState = "open" | "committed" | "aborted";

/** Whose records; shared by all that it wrote, so that its end shows everywhere at once. */
export interface TransactionMark {
  /** What has become of it. */
  state: TransactionState;
}

/** A record as held, with what decides whether a reader sees it. */
interface Entry {
  readonly record: LogRecord;
  /** The transaction it belongs to; null outside of transactions. */
  readonly transaction: TransactionMark | null;
  /** Whether it is a commit or abort marker. */
  readonly control: boolean;
}

/** A record to add. */
export type NewRecord = Omit<LogRecord, "offset">;

/** What a record takes beside key and value in a batch, about. */
const RECORD_OVERHEAD = 8;

/** One partition in memory. */
export class FakePartition {
  #entries: Entry[] = [];
  #start = 0;
  #nextOffset = 0;
  /** Where the transactions that were open at the last look began. */
  readonly #begins = new Map<TransactionMark, number>();
  readonly #waiting = new Set<() => void>();

  /** The offsets that read_committed sees. */
  get range(): OffsetRange {
    let end = this.#nextOffset;
    for (const [transaction, begin] of this.#begins) {
      if (transaction.state === "open") end = Math.min(end, begin);
      else this.#begins.delete(transaction);
    }
    return { start: this.#start, end };
  }

  /** The offset that the next record gets. */
  get logEnd(): number {
    return this.#nextOffset;
  }

  /** Adds a record and answers its offset. */
  append(record: NewRecord, transaction: TransactionMark | null = null, control = false): number {
    const offset = this.#nextOffset++;
    if (transaction !== null && !control && !this.#begins.has(transaction)) {
      this.#begins.set(transaction, offset);
    }
    this.#entries.push({ record: { offset, ...record }, transaction, control });
    return offset;
  }

  /** Wakes all that wait; to be called after `append` and at the end of a transaction. */
  wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  /** Calls `wake` at every change; answers how to stop that. */
  onChange(wake: () => void): () => void {
    this.#waiting.add(wake);
    return () => this.#waiting.delete(wake);
  }

  /** Reads committed records from an offset within the range. */
  read(from: number, maxBytes: number): { records: LogRecord[]; next: number } {
    const { end } = this.range;
    const records: LogRecord[] = [];
    let bytes = 0;
    for (let i = this.#indexOf(from); i < this.#entries.length; i++) {
      const entry = this.#entries[i];
      if (entry === undefined || entry.record.offset >= end) break;
      const { record, transaction, control } = entry;
      const size = RECORD_OVERHEAD + (record.key?.length ?? 0) + (record.value?.length ?? 0);
      if (bytes > 0 && bytes + size > maxBytes) return { records, next: record.offset };
      bytes += size;
      if (!control && transaction?.state !== "aborted") records.push(record);
    }
    return { records, next: end };
  }

  /** As `read`, but `next` moves only past records and markers that are there. */
  poll(from: number, maxBytes: number): { records: LogRecord[]; next: number; bytes: number } {
    const read = this.read(from, maxBytes);
    const { end } = this.range;
    let last: LogRecord | undefined;
    for (let i = this.#indexOf(from); i < this.#entries.length; i++) {
      const record = this.#entries[i]?.record;
      if (record === undefined || record.offset >= Math.min(end, read.next)) break;
      last = record;
    }
    const bytes = read.records.reduce((sum, { value }) => sum + 1 + (value?.length ?? 0), 0);
    return { records: read.records, next: last === undefined ? from : last.offset + 1, bytes };
  }

  /** The first offset whose timestamp is at or after a time, or the end. */
  offsetAt(timeMs: number): number {
    const { end } = this.range;
    const found = this.#entries.find(({ record }) =>
      record.offset < end && record.timestampMs >= timeMs
    );
    return found?.record.offset ?? end;
  }

  /** Deletes all records before an offset. */
  deleteBefore(offset: number): void {
    this.#start = Math.max(this.#start, offset);
    this.#entries = this.#entries.slice(this.#indexOf(this.#start));
    this.wake();
  }

  /** Deletes single records, as compaction does; their offsets stay gaps. */
  compactAway(offsets: ReadonlySet<number>): void {
    this.#entries = this.#entries.filter(({ record }) => !offsets.has(record.offset));
  }

  /** The index of the first entry at or after an offset. */
  #indexOf(offset: number): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#entries[middle]?.record.offset ?? Infinity) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
