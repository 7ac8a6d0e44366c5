const TYPES = "the types don't know that it is there";
const NULL = "null counts as 0 in a comparison, and all times lie after that; the types don't know";

/** Mutants that change nothing a reader of results could see, with why. */
export const EQUIVALENT: readonly {
  /** The beginning of the mutant's name: file, kind of change, what it was. */
  readonly what: string;
  /** Why nobody can notice it. */
  readonly why: string;
}[] = [
  { what: "event_time/timers.ts right only: watermark !== null && windowTimes", why: NULL },
  {
    what: "flow/dealing.ts right only: base !== null && watermark > base + maxDriftMs",
    why:
      "a partition that has a watermark has had an event or a floor after one; the types don't know",
  },
  {
    what: "flow/dealing.ts left only: partitions.length !== 1 || only === undefined",
    why: TYPES,
  },
  {
    what: 'flow/drain.ts right only: held.get(p.partition) === "budget" && p.until !== null',
    why: "drift alone holds all only behind one that stopped, and that is looked at as well",
  },
  { what: "flow/drain/results.ts removed: before === undefined || asked", why: TYPES },
  { what: "flow/drain/results.ts left only: before === undefined || asked", why: TYPES },
  { what: "flow/drain/results.ts right only: before === undefined || asked", why: TYPES },
  {
    what: "flow/drain/results.ts removed: counts.lateByFloor === 0",
    why: "adding 0 changes nothing; it saves the work",
  },
  {
    what: "flow/drain/results.ts right only: spread <= 1 || lastedMs < CALM_MS",
    why: "what is not spread is not gathered either; it only begins to be measured anew",
  },
  { what: "flow/drain/time.ts right only: watermark !== null && state.looked", why: TYPES },
  {
    what: "flow/drain/work.ts left only: runOnFrom !== null && watermark !== null",
    why: "it runs on from a watermark only; the types don't know",
  },
  { what: "flow/heap.ts right only: last === undefined || last === item", why: TYPES },
  {
    what: "flow/heap.ts removed: other === undefined || this.#compare(other, item) <= 0",
    why: "what goes up too far comes down again; it saves the work",
  },
  {
    what: "flow/heap.ts left only: other === undefined || this.#compare(other, item) <= 0",
    why: "what goes up too far comes down again; it saves the work",
  },
  {
    what: "flow/heap.ts right only: other === undefined || this.#compare(other, item) <= 0",
    why: TYPES,
  },
  { what: "flow/heap.ts right only: other !== undefined && next !== undefined", why: TYPES },
  {
    what: "flow/open_window.ts left only: held === null || held.bytes <= mostBytes",
    why: "cutting measures all cells again and leaves none; it saves the work",
  },
  { what: "flow/open_windows.ts removed: farthest === undefined", why: TYPES },
  { what: "flow/open_windows.ts right only: watermark === null || this.#timesOf", why: NULL },
  { what: "flow/open_windows.ts removed: call === null", why: TYPES },
  {
    what: "flow/open_windows.ts right only: batch === undefined || !fits",
    why: "nothing fits into a batch that isn't there; the types don't know",
  },
  {
    what: "flow/open_windows.ts right only: window === undefined || call === undefined",
    why: "a window that isn't there has no call; the types don't know",
  },
  { what: "flow/open_windows.ts right only: watermark !== null && watermark >= this", why: NULL },
  {
    what: "flow/window.ts right only: revision > 0 && this.#changed.size === 0",
    why: "a window is called with cells before it emits",
  },
  {
    what: "flow/window.ts left only: final || revision === 0",
    why: "before the first emission all cells are changed ones",
  },
  { what: "flow/window.ts negated: a > b", why: "keys are distinct, so that 1 and 0 sort alike" },
  { what: "flow/window_table.ts removed: place === undefined", why: TYPES },
  {
    what: "flow/audit.ts right only: look.watermark === null || row.watermark > look.watermark",
    why: NULL,
  },
];
