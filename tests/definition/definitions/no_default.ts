/** Exports something, but not as its default. */
export const pipeline = 1;
