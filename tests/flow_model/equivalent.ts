/** Mutants that change nothing a reader of results could see, with why. */
export const EQUIVALENT: readonly { readonly what: string; readonly why: string }[] = [];
