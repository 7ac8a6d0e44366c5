/** Mutants that change nothing a reader of results could see, with why. */
export const EQUIVALENT: readonly { readonly what: string; readonly why: string }[] = [
  {
    what: "window.ts left only: final || revision === 0",
    why: "before the first emission all cells are changed ones",
  },
  { what: "window.ts negated: a > b", why: "keys are distinct, so that 1 and 0 sort alike" },
  {
    what: "open_windows.ts removed: call === null",
    why: "the line before has left those out; the types don't know",
  },
  {
    what: "open_windows.ts removed: known === undefined",
    why: "only windows of the table are deleted; the types don't know",
  },
  {
    what: "open_windows.ts right only: batch === undefined || !fits",
    why: "nothing fits into a batch that isn't there; the types don't know",
  },
  {
    what: "open_windows.ts right only: watermark !== null && this.#settles(",
    why: "no time is reached by a watermark that isn't there; the types don't know",
  },
];
