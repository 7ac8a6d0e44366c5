/**
 * Every problem a user can meet has a stable code, a sentence that names the thing at fault, and
 * what to do next. Errors that cross a process are told apart by their code, never by class.
 *
 * @module
 */

/** Stable codes of Tidegate's errors; each is explained in `docs/operations.md`. */
export type TgCode =
  | "TG_BROKER_UNREACHABLE"
  | "TG_BUILD_FAILED"
  | "TG_CODE"
  | "TG_CONFIG"
  | "TG_CONTROL_LOST"
  | "TG_CONTROL_NOT_RUNNING"
  | "TG_CONTROL_RUNNING"
  | "TG_DEFINITION"
  | "TG_DEFINITION_CHANGED"
  | "TG_ENRICH_FAILED"
  | "TG_GENERATION_LOST"
  | "TG_INPUT"
  | "TG_KUBERNETES"
  | "TG_LOG_DAMAGED"
  | "TG_LOG_DIVERGED"
  | "TG_OFFSET_GONE"
  | "TG_OVERLAP"
  | "TG_PORT_TAKEN"
  | "TG_RESULTS_UNWRITABLE"
  | "TG_STACK"
  | "TG_SWEEP_FAILED"
  | "TG_TEMPORAL_REFUSED"
  | "TG_TEMPORAL_TOO_OLD"
  | "TG_TEMPORAL_UNANSWERED"
  | "TG_TEMPORAL_UNREACHABLE"
  | "TG_TOOL_MISSING"
  | "TG_TOO_MANY_WINDOWS"
  | "TG_TOPIC_MISSING"
  | "TG_TOPIC_RECREATED"
  | "TG_UNEXPECTED"
  | "TG_USAGE"
  | "TG_WINDOW_CLOSED"
  | "TG_WINDOW_FULL"
  | "TG_WINDOW_LOST"
  | "TG_WORKER_GONE";

/** Options of {@linkcode TidegateError}. */
export interface TidegateErrorOptions {
  /** What the reader can do about it, a full sentence. */
  readonly next?: string;
  /**
   * Whether the same call may succeed later without anybody's help.
   * @default {false}
   */
  readonly retryable?: boolean;
  /** The error that led to this one. */
  readonly cause?: unknown;
}

/**
 * An error with a stable code.
 *
 * @example Telling errors apart
 * ```ts
 * import { TidegateError } from "./errors.ts";
 * const error = new TidegateError("TG_CONFIG", "Cannot read TIDEGATE_PORT: got \"x\"");
 * if (error.code !== "TG_CONFIG") throw error;
 * ```
 */
export class TidegateError extends Error {
  /** The class name, kept for logs. */
  override readonly name = "TidegateError";
  /** The stable code. */
  readonly code: TgCode;
  /** What the reader can do about it; empty if there is nothing to add. */
  readonly next: string;
  /** Whether the same call may succeed later without anybody's help. */
  readonly retryable: boolean;

  /**
   * Makes an error.
   *
   * @param code The stable code.
   * @param message What happened, naming the setting, field, offset or file.
   * @param options What to do next, whether to retry, and the cause.
   */
  constructor(code: TgCode, message: string, options: TidegateErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.next = options.next ?? "";
    this.retryable = options.retryable ?? false;
  }
}

/**
 * What an error says, in words.
 *
 * @param error What was thrown.
 * @returns Its message, or the thrown value as text.
 */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
