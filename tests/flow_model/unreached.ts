/**
 * What the coverage of the flow model must show: the kinds of faults, and the branches of the rules
 * that it can't reach, with why.
 *
 * @module
 */

/** The kinds of faults, each with what the model counts when it happens. */
export const FAULTS: Readonly<Record<string, readonly string[]>> = {
  "a second control process takes over": ["takeovers"],
  "a control process is paused": ["paused processes"],
  "an activity goes on after its timeout": ["zombie attempts"],
  "a process dies before it writes rows": ["processes died before writing"],
  "a process dies after it has written rows": ["processes died after writing"],
  "a second writer is fenced": ["fenced"],
  "rows are not written, or nobody knows": ["rows not written"],
  "an older revision comes to a newer writer": ["smaller revisions dropped"],
  "a call of a window is lost": ["calls lost"],
  "a window's answer is lost": ["answers lost"],
  "a settle fails for good": ["settles failed"],
  "a settle answers what was not asked": ["wrong answers of settles"],
  "a sweep answers what was not asked": ["wrong answers of sweeps"],
  "a sweep's answer is lost": ["sweep answers lost"],
  "a sweep's attempt is lost with its worker": ["sweep attempts lost"],
  "a look of the control process fails": ["looks failed"],
  "no worker begins a sweep": ["sweeps not started"],
  "workers come, go and die": ["fleet moves told", "fleet moves untold"],
  "the supervisor does not hear that records wait": ["wakes lost"],
  "a worker stalls between two polls": ["workers stalled"],
  "a worker with other code": ["results of other code"],
  "a poison record": ["poison met"],
  "a poison record can't be set aside": ["set aside failed"],
  "a leader is away": ["leader down"],
  "a leader hangs": ["leader hung"],
  "a throttled answer": ["throttled"],
  "an open transaction": ["open transaction"],
  "a tail without batches": ["hollow"],
  "data that needs a decision": ["data faults"],
  "partitions are added": ["command findPartitions"],
  "Temporal is away": ["temporal away"],
  "Temporal's clock jumps": ["clock jumps"],
  "the drain continues as new": ["command continueAsNew"],
  "a window continues as new": ["windows continued as new"],
  "an answer comes to a run that has ended": ["answers to ended runs"],
  "the drain is put back": ["resets"],
  "Temporal forgets a window": ["windows forgotten"],
  "a person ends windows": ["windows terminated"],
  "a person gives a partition up": ["deed exclude"],
  "a person skips records": ["deed skip"],
  "a person flushes": ["deed flush"],
  "a person sets bounds": ["deed bound", "deed boundOne"],
  "a person asks for another pace": ["deed tune"],
  "a window is too large": ["sizes refused"],
};

const TYPES = "the types don't know that it is there";
const SOUND = "the drain asks for nothing else; a unit test shows it";

/** Branches that the model can't reach, with why. */
export const UNREACHED: readonly {
  /** The file, without `core/`. */
  readonly file: string;
  /** The outcome and the condition. */
  readonly what: string;
  /** Why nothing reaches it. */
  readonly why: string;
}[] = [
  { file: "event_time/timers.ts", what: "null: numbers[middle]", why: TYPES },
  { file: "flow/dealing.ts", what: "false: base !== null", why: TYPES },
  { file: "flow/dealing.ts", what: "null: partitions[0]?.narrow", why: TYPES },
  { file: "flow/dealing.ts", what: "true: only === undefined", why: TYPES },
  {
    file: "flow/dealing.ts",
    what: "true: narrow.records * 2 > NARROW_RECORDS",
    why: "the model's logs are shorter than 4,096 records; a unit test shows it",
  },
  { file: "flow/drain/results.ts", what: "true: calls === undefined", why: TYPES },
  { file: "flow/drain/results.ts", what: "null: narrowed.of.get(p.partition)", why: TYPES },
  { file: "flow/drain/results.ts", what: "true: before === undefined", why: TYPES },
  { file: "flow/drain/results.ts", what: "true: asked === undefined", why: TYPES },
  { file: "flow/drain/results.ts", what: "null: p.floorBy", why: TYPES },
  { file: "flow/drain/state.ts", what: "null: this.#partitions.get(partition)", why: TYPES },
  { file: "flow/drain/time.ts", what: "false: watermark !== null", why: TYPES },
  { file: "flow/drain/work.ts", what: "null: s.hashes.at(-1)", why: TYPES },
  { file: "flow/drain/work.ts", what: "false: watermark !== null", why: TYPES },
  { file: "flow/heap.ts", what: "true: last === undefined", why: TYPES },
  { file: "flow/heap.ts", what: "true: other === undefined", why: TYPES },
  {
    file: "flow/held.ts",
    what: "false: some.length === more.length",
    why: "calls of one number are told apart by their moments first; a unit test shows it",
  },
  {
    file: "flow/held.ts",
    what: "false: some.every((span, i) => span.every((number, j) => number === more[i]?.[j]))",
    why: "calls of one number are told apart by their moments first; a unit test shows it",
  },
  {
    file: "flow/open_window.ts",
    what: "true: rest.length === 0",
    why:
      "a sweep that counts more bytes than there are would have to be wrong; a unit test shows it",
  },
  { file: "flow/open_window.ts", what: "null: broken", why: TYPES },
  { file: "flow/open_windows.ts", what: "true: farthest === undefined", why: TYPES },
  { file: "flow/open_windows.ts", what: "true: call === null", why: TYPES },
  {
    file: "flow/open_windows.ts",
    what: 'case: "full"',
    why: "the drain finds room before it takes cells in; a unit test shows it",
  },
  { file: "flow/open_windows.ts", what: "true: window === undefined", why: TYPES },
  { file: "flow/open_windows.ts", what: "true: call === undefined", why: TYPES },
  {
    file: "flow/window.ts",
    what: "false: sameSpans(call.spans, lastSpans)",
    why: "calls of one number are told apart by their moments first; a unit test shows it",
  },
  {
    file: "flow/window.ts",
    what: "true: this.isComplete",
    why: "Temporal refuses what comes after the workflow's end; a unit test shows it",
  },
  {
    file: "flow/window.ts",
    what: "true: merged === undefined",
    why: "the drain finds room before it takes cells in; a unit test shows it",
  },
  {
    file: "flow/window.ts",
    what: "true: bytes > WINDOW_BYTES",
    why: "the drain finds room before it takes cells in; a unit test shows it",
  },
  { file: "flow/window.ts", what: "true: call.early !== true", why: SOUND },
  { file: "flow/window.ts", what: "false: cell !== undefined", why: TYPES },
  { file: "flow/window_table.ts", what: "null: this.#byStart.get(start)", why: TYPES },
  { file: "flow/window_table.ts", what: "null: this.#byStart.get(window.start)", why: TYPES },
  { file: "flow/window_table.ts", what: "true: index < 0", why: TYPES },
  { file: "flow/window_table.ts", what: "true: place === undefined", why: TYPES },
  { file: "flow/window_table.ts", what: "null: window.call?.notBeforeMs", why: TYPES },
];
