/**
 * JSON from outside, looked at before it is trusted.
 *
 * @module
 */

/** An object of which nothing is known yet. */
export type Fields = Readonly<Record<string, unknown>>;

/** Whether a value is an object with fields (no array). */
export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Parses JSON that should be an object.
 *
 * @param text The text.
 * @returns The object's fields, or null if it is no JSON or no object.
 */
export function parseFields(text: string): Fields | null {
  try {
    const value: unknown = JSON.parse(text);
    return isFields(value) ? value : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
