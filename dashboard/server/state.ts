/**
 * What the live page shows, as plain data: the same for `/api/state`, for the stream of events and
 * for the page's own code. Times are epoch ms of this process's clock, unless they are said to be
 * event times.
 *
 * @module
 */

import type { Account } from "../../core/flow/audit.ts";
import type { PartitionMode } from "../../core/event_time/watermark.ts";
import type { DecisionCode } from "../../core/scaling/state.ts";
import type { SlotState } from "../../core/scaling/slot.ts";

/** What does not change as long as the control process lives. */
export interface About {
  /** The pipeline's name. */
  readonly pipeline: string;
  /** The generation of its state; 0 until the control process is up. */
  readonly generation: number;
  /** The source topic. */
  readonly topic: string;
  /** Names this life of the control process: another one begins its figures anew. */
  readonly life: string;
  /** When this process began to watch. */
  readonly sinceMs: number;
  /** Size of a window, in ms. */
  readonly sizeMs: number;
  /** How far the next window begins after the one before, in ms. */
  readonly slideMs: number;
  /** How far the watermark stays behind the largest event time, in ms. */
  readonly delayMs: number;
  /** How long a window stays open for late changes, in ms. */
  readonly latenessMs: number;
  /** The fields that make the key. */
  readonly groupBy: readonly string[];
  /** The names of the aggregates. */
  readonly aggregates: readonly string[];
  /** Where a workflow is found in the Temporal Web UI, its id to be appended; null if not known. */
  readonly workflowUrl: string | null;
  /** The fixed fleet that costs are compared with. */
  readonly staticWorkers: number;
  /** Whether the presenter's button is there. */
  readonly demo: boolean;
}

/** The figures of the present second; null is what is not known. */
export interface Now {
  /** The time. */
  readonly atMs: number;
  /** Records that arrive per second, over the last 3 s. */
  readonly inRate: number | null;
  /** Records that are folded per second, over the last 3 s. */
  readonly foldedRate: number | null;
  /** Offsets between the cursors and the ends. */
  readonly lag: number | null;
  /** Records per busy second and worker. */
  readonly workerRate: number | null;
  /** The pipeline's watermark, event time. */
  readonly watermark: number | null;
  /** Open windows. */
  readonly open: number | null;
  /** Closed windows of this generation. */
  readonly closed: number | null;
  /** Whether the presenter's load runs. */
  readonly loading: boolean;
}

/** The names of the figures that are kept over time. */
export const COLUMNS = [
  "inRate",
  "foldedRate",
  "lag",
  "desired",
  "ready",
  "starting",
  "draining",
] as const;

/** The name of a figure that is kept over time. */
export type Column = typeof COLUMNS[number];

/** Figures over time: the columns are of one length, oldest first. */
export interface Points {
  /** When, epoch ms. */
  readonly atMs: readonly number[];
  /** The figures; null is what was not known. */
  readonly columns: Readonly<Record<Column, readonly (number | null)[]>>;
}

/** A decision on the number of workers. */
export interface DecisionView {
  /** When its sample was taken. */
  readonly atMs: number;
  /** The workers before. */
  readonly previous: number;
  /** The workers from then on. */
  readonly desired: number;
  /** Why, a stable code. */
  readonly code: DecisionCode;
  /** Why, a sentence. */
  readonly reason: string;
}

/** How a partition is doing: its mode, or what keeps it from going on. */
export type PartitionState =
  | PartitionMode
  /** Held back: too far ahead of the others, or as many windows are open as there may be. */
  | "held"
  /** Waits for the end of a transaction. */
  | "transaction"
  /** Can't be read at the moment; it is tried again. */
  | "trouble";

/** A partition in event time. */
export interface PartitionView {
  /** The partition. */
  readonly partition: number;
  /** How it is doing. */
  readonly state: PartitionState;
  /** Its watermark, event time. */
  readonly watermark: number | null;
  /** The largest event time seen. */
  readonly maxEventTime: number | null;
  /** Offsets between cursor and end. */
  readonly lag: number | null;
}

/** Partitions that are folded up into one line. */
export interface FoldedPartitions {
  /** How many. */
  readonly count: number;
  /** How many of them are idle. */
  readonly idle: number;
  /** The smallest of their watermarks; null if none is known. */
  readonly from: number | null;
  /** The largest of their watermarks; null if none is known. */
  readonly to: number | null;
  /** The largest event time seen in them. */
  readonly maxEventTime: number | null;
  /** Offsets between their cursors and ends; null if one is not known. */
  readonly lag: number | null;
}

/** An open window. */
export interface OpenWindowView {
  /** Its start, event time. */
  readonly start: number;
  /** Its end, event time. */
  readonly end: number;
  /** When it completes: end + lateness. */
  readonly final: number;
  /** (event, window) pairs in it. */
  readonly events: number;
  /** Of those, the pairs that are still with the drain, or on their way. */
  readonly waiting: number;
  /** Whether its rows were emitted, and it stays open for late events. */
  readonly emitted: boolean;
  /** What is wrong with it, a code; null if nothing is. */
  readonly broken: string | null;
  /** The workflow that holds it; the first one where several share its keys. */
  readonly id: string;
}

/** A place in event time that the watermark's rules set apart. */
export interface Mark {
  /** The event time. */
  readonly eventTime: number;
  /** What it is. */
  readonly kind: "late" | "skewed";
  /** The partition. */
  readonly partition: number;
}

/** Event time, as the drain last told of it. */
export interface EventTimeView {
  /** The pipeline's watermark. */
  readonly watermark: number | null;
  /** The partitions by number; where there are many, those that matter, the slowest first. */
  readonly partitions: readonly PartitionView[];
  /** The others; null if all are shown. */
  readonly folded: FoldedPartitions | null;
  /** The open windows, earliest first; no more than can be drawn. */
  readonly open: readonly OpenWindowView[];
  /** How many windows and shares of windows are open beyond those. */
  readonly moreOpen: number;
  /** Windows that closed a moment ago. */
  readonly closed: readonly { readonly start: number; readonly end: number }[];
  /** Late and skewed events a moment ago. */
  readonly marks: readonly Mark[];
}

/** An emission of a window. */
export interface RevisionView {
  /** Its number. */
  readonly revision: number;
  /** Whether no later one can come. */
  readonly final: boolean;
  /** When the rows were taken. */
  readonly emittedAtMs: number;
  /** The watermark then, event time. */
  readonly watermark: number;
  /** How many rows it had. */
  readonly rows: number;
}

/** A row of a window. */
export interface RowView {
  /** The key's values as texts, in the order of the fields. */
  readonly key: readonly string[];
  /** How many events it aggregates. */
  readonly events: number;
  /** The aggregates, in the order of the definition. */
  readonly values: readonly (number | null)[];
  /** The revision that it is of. */
  readonly revision: number;
}

/** A window that has emitted rows. */
export interface ResultView {
  /** The workflow's id. */
  readonly id: string;
  /** Its start, event time. */
  readonly start: number;
  /** Its end, event time. */
  readonly end: number;
  /** Its emissions, oldest first. */
  readonly revisions: readonly RevisionView[];
  /** Its rows, sorted by key; no more than can be read. */
  readonly rows: readonly RowView[];
  /** How many rows it has. */
  readonly rowCount: number;
}

/** The account, by one look at the drain. */
export interface AccountView {
  /** When the drain told. */
  readonly atMs: number;
  /** The account. */
  readonly account: Account;
  /** `holds`: both equations do, and nothing is lost. All parts are of one moment, so that else it is `broken`. */
  readonly state: "holds" | "broken";
  /** What people should know, and is not wrong. */
  readonly notes: readonly string[];
  /** Records that have arrived and are not folded yet. */
  readonly lag: number;
}

/** A record that counts nowhere, or elsewhere than it should. */
export interface SampleView {
  /** What it was. */
  readonly kind: "late" | "invalid" | "skewed" | "failed";
  /** Why, a code. */
  readonly reason: string;
  /** Where it broke the schema; empty if it did not. */
  readonly path: string;
  /** What was wrong there; empty if there is nothing to add. */
  readonly message: string;
  /** Its partition. */
  readonly partition: number;
  /** Its offset. */
  readonly offset: number;
  /** Its event time; null if it has none. */
  readonly eventTime: number | null;
  /** What it is compared with, event time; null before the first. */
  readonly watermark: number | null;
  /** The beginning of its value. */
  readonly value: string;
}

/** A worker. */
export interface WorkerView {
  /** Its slot, from 0. */
  readonly slot: number;
  /** Its state. */
  readonly state: SlotState;
  /** Its process; null if there is none. */
  readonly pid: number | null;
  /** Records per second, over the last 10 s. */
  readonly rate: number;
  /** The share of the last 10 s in which it folded and looked up, 0 to 1. */
  readonly busy: number;
  /** How often it was started again after a failure. */
  readonly restarts: number;
  /** What its last failure was; null once it is ready again. */
  readonly problem: string | null;
}

/** The fleet. */
export interface FleetView {
  /** The workers that are wanted. */
  readonly desired: number;
  /** The fewest. */
  readonly min: number;
  /** The most. */
  readonly max: number;
  /** A number that was set by hand; null if the load decides. */
  readonly fixed: number | null;
  /** The workers, by slot. */
  readonly workers: readonly WorkerView[];
  /** Seconds of worker processes so far. */
  readonly workerSeconds: number;
  /** Seconds that a static fleet would have used. */
  readonly staticSeconds: number;
  /** How long a worker takes to start, in ms; null before the first. */
  readonly startupMs: number | null;
}

/** Something that is wrong, or worth knowing. */
export interface ProblemView {
  /** How bad it is. */
  readonly level: "error" | "warning" | "note";
  /** What it is about: a server, a partition, a worker. */
  readonly what: string;
  /** What is wrong and what to do about it, a sentence. */
  readonly text: string;
  /** Since when. */
  readonly sinceMs: number;
}

/** How a server answers. */
export interface ServerView {
  /** Whether it does; null before the first try. */
  readonly ok: boolean | null;
  /** Since when it is so. */
  readonly sinceMs: number;
}

/** Health. */
export interface HealthView {
  /** The control process: starting, live, or ending. */
  readonly phase: "starting" | "live" | "ending";
  /** The broker. */
  readonly broker: ServerView;
  /** Temporal. */
  readonly temporal: ServerView;
  /** What is wrong, the worst first. */
  readonly problems: readonly ProblemView[];
}

/** All that the page shows. */
export interface PageState {
  /** What does not change. */
  readonly about: About;
  /** The figures of this second. */
  readonly now: Now;
  /** Figures over time. */
  readonly points: Points;
  /** Decisions on the number of workers, oldest first. */
  readonly decisions: readonly DecisionView[];
  /** Event time; null before the drain has told. */
  readonly time: EventTimeView | null;
  /** The windows that emitted last, oldest first. */
  readonly results: readonly ResultView[];
  /** The account; null before the drain has told. */
  readonly account: AccountView | null;
  /** Records that count nowhere, newest first. */
  readonly samples: readonly SampleView[];
  /** The fleet. */
  readonly fleet: FleetView;
  /** Health. */
  readonly health: HealthView;
}

/** What has changed since the last message; `points` are those that were added. */
export type PageChange = Partial<PageState>;
