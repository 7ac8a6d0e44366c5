/**
 * The sweep: what a worker is asked to read of some partitions, and what it answers. The answer is
 * one event in the drain's history, and the commit: it is taken as a whole or not at all. Times
 * between machines are durations; only event times are moments.
 *
 * @module
 */

import type { CellWire } from "../fold/aggregates.ts";
import type { SweepCounts, WindowShard } from "./counts.ts";

/** A run of offsets `[from, to)` of one partition. */
export type Span = readonly [partition: number, from: number, to: number];

/** What a sweep does with a partition. */
export type SweepRole =
  /** Folds it; it counts in the sweep's own minimum from the beginning. */
  | "fold"
  /**
   * Folds it with the floor it was handed; it is idle and counts in the sweep's own minimum from
   * its first event on. Only in a sweep that is alone.
   */
  | "join"
  /** Folds nothing: looks, and answers at the first record at or after the cursor. */
  | "look";

/** The record last folded in a partition, by which a log that has changed is told. */
export interface LastRecord {
  /** Its offset. */
  readonly offset: number;
  /** Its Kafka timestamp, epoch ms. */
  readonly timestamp: number;
}

/** One partition of a sweep. */
export interface SweepPartition {
  /** The partition. */
  readonly partition: number;
  /** What the sweep does with it. */
  readonly role: SweepRole;
  /** First offset to read. */
  readonly cursor: number;
  /** Offset not to go beyond in a bounded run; null while live. */
  readonly until: number | null;
  /** The partition's largest event time so far; null before its first event. */
  readonly maxEventTime: number | null;
  /** The floor: events are judged by the larger of it and the largest event time − delay. */
  readonly floor: number | null;
  /** The leader's epoch when the last record was folded; null where none is known. */
  readonly leaderEpoch: number | null;
  /** The last record folded, to be checked at the first fetch and once per new leader. */
  readonly last: LastRecord | null;
  /**
   * Up to where the partition is known to be hollow from its cursor on, so that it counts as caught
   * up while its end is there.
   * @default {null}
   */
  readonly hollowTo?: number | null;
}

/** How much one sweep may bring home; whichever is reached first ends it. */
export interface SweepLimits {
  /** Cells in all windows. */
  readonly cells: number;
  /** Windows (and shards). */
  readonly windows: number;
  /** UTF-8 bytes of the whole result as JSON. */
  readonly bytes: number;
  /** Records folded; 1 where a record is suspected of killing its sweep; null for no limit. */
  readonly records: number | null;
}

/** What a worker is asked to sweep; `awaitRecords` is asked the same with the role `look` for all. */
export interface SweepRequest {
  /** The sweep's number: it is known by nothing else. */
  readonly n: number;
  /** The generation of the pipeline's state. */
  readonly generation: number;
  /** The source topic. */
  readonly topic: string;
  /** The topic's id, where the broker has ids. */
  readonly topicId: string | null;
  /** The hash of the code that may fold; a worker with another refuses with `TG_CODE`. */
  readonly codeHash: string;
  /** The partitions; at most once each. */
  readonly partitions: readonly SweepPartition[];
  /**
   * The sweep answers once the smallest watermark of those of its partitions that count reaches
   * this event time: then a window can close or complete. While records wait below `end`, it goes on
   * all the same, up to `sliceMs`. Null while none of them has a watermark.
   */
  readonly boundary: number | null;
  /**
   * The sweep answers once it has confirmed that each of its partitions was silent for so long:
   * then the run-on reaches the next open window, or a partition becomes idle. Null for never.
   */
  readonly silentMs: number | null;
  /** The sweep answers after this time if it has folded something. */
  readonly paceMs: number;
  /** The sweep answers after this time whatever it has found. */
  readonly quietMs: number;
  /** How long a sweep that finds a backlog folds before it answers. */
  readonly sliceMs: number;
  /** How much it may bring home. */
  readonly limits: SweepLimits;
  /**
   * The record at the cursor of the only partition is set aside as `failed`, without folding it: it
   * has killed or failed sweeps that held nothing else. The sweep answers right after it.
   */
  readonly setAside: boolean;
}

/** Why a sweep answered. */
export type SweepEnd =
  /** The watermark of its partitions reached the boundary. */
  | "boundary"
  /** A partition that was only looked at has a record. */
  | "record"
  /** All of its partitions were silent for as long as was asked. */
  | "silent"
  /** The pace is over and something was folded. */
  | "pace"
  /** The quiet time is over. */
  | "quiet"
  /** One of its limits, or in a backlog the time that a sweep may take. */
  | "limit"
  /** All of its partitions are at their fixed ends. */
  | "ends"
  /** The process was told to end. */
  | "told";

/** What a sweep saw of a partition's silence. */
export interface Looked {
  /**
   * For how long it is confirmed that no record lay unread which moves the partition's largest event
   * time, in ms; since that last moved if it did.
   */
  readonly confirmedMs: number;
  /** Whether the largest event time moved: then what was confirmed before is void. */
  readonly moved: boolean;
  /**
   * Set if the looking had broken off when the sweep answered: by an error, a hang, a worker that
   * stood still. What was confirmed counts all the same, but nothing follows from it yet.
   * @default {undefined}
   */
  readonly brokeOff?: true;
}

/** What keeps a sweep from a partition. */
export interface SweepFailure {
  /** The stable code. */
  readonly code: string;
  /** What happened. */
  readonly message: string;
  /** The offset it is about; null if none. */
  readonly offset: number | null;
  /** Whether it passes without a decision: the partition is tried again and not stopped. */
  readonly passing: boolean;
}

/** One partition of a sweep's answer. */
export interface SweptPartition {
  /** The partition. */
  readonly partition: number;
  /** First offset read: the request's cursor. */
  readonly from: number;
  /** Offset after the last one folded; `from` if nothing was. */
  readonly to: number;
  /** The last stable offset as last seen. */
  readonly end: number;
  /** The high watermark as last seen. */
  readonly highWatermark: number;
  /** The largest event time after the sweep. */
  readonly maxEventTime: number | null;
  /** The event time of the first event of the sweep. */
  readonly firstEventTime: number | null;
  /** What was counted. */
  readonly counts: SweepCounts;
  /** What was seen of silence. */
  readonly looked: Looked;
  /** Whether the look found a record; only with the role `look`. */
  readonly found: boolean;
  /**
   * Whether answers below `end` stayed empty for so long that the partition counts as caught up
   * there; its cursor stays where it is.
   */
  readonly hollow: boolean;
  /** A transaction that holds the partition: for how long it is known, and from which offset. */
  readonly openTransaction: { readonly forMs: number; readonly offset: number } | null;
  /** The leader's epoch at the last record folded. */
  readonly leaderEpoch: number | null;
  /** The last record folded. */
  readonly last: LastRecord | null;
  /** What kept the sweep from it; null if nothing did. What was folded before counts all the same. */
  readonly failure: SweepFailure | null;
}

/** The cells of one sweep for one window (and shard), merged over the partitions. */
export interface SweptWindow extends WindowShard {
  /** The cells, sorted by key. */
  readonly cells: readonly CellWire[];
  /** UTF-8 bytes of the cells as JSON. */
  readonly bytes: number;
  /** The offsets the cells come from, by partition: only partitions that gave an event. */
  readonly spans: readonly Span[];
}

/** What a sweep answers. */
export interface SweepResult {
  /** The sweep's number. */
  readonly n: number;
  /** The hash of the code that folded. */
  readonly codeHash: string;
  /** Why it answered. */
  readonly why: SweepEnd;
  /** The partitions, each exactly once. */
  readonly partitions: readonly SweptPartition[];
  /** The cells by window and shard, sorted by start and shard. */
  readonly windows: readonly SweptWindow[];
  /** How long the attempt took from its start to its answer, in ms. */
  readonly ranMs: number;
  /** Folding and lookups, without waiting, in ms. */
  readonly busyMs: number;
  /** Which attempt answered, from 1. */
  readonly attempt: number;
  /** Who folded, by its identity. */
  readonly worker: string;
  /** How many partitions the topic has by the newest metadata answer. */
  readonly topicPartitions: number | null;
}
