/**
 * Spans by OpenTelemetry's interface. Deno itself exports them if `OTEL_DENO=true` is set; without
 * it, nothing is recorded and this costs nothing worth a setting.
 *
 * @module
 */

import { errorText } from "../core/errors.ts";
import { SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { TidegateError } from "../core/errors.ts";

/** What a span tells of its work. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** The work of one span; may tell more of it once it is known. */
export type Traced<T> = (tell: (attributes: SpanAttributes) => void) => Promise<T>;

/** Does some work as a span. */
export type Trace = <T>(
  name: string,
  attributes: SpanAttributes,
  work: Traced<T>,
) => Promise<T>;

/**
 * Makes spans of work.
 *
 * @returns Does work as a span; a failure ends the span as failed and is passed on.
 */
export function createTrace(): Trace {
  const tracer = trace.getTracer("tidegate");
  return (name, attributes, work) =>
    tracer.startActiveSpan(
      name,
      { kind: SpanKind.INTERNAL, attributes: { ...attributes } },
      async (span) => {
        try {
          return await work((more) => span.setAttributes({ ...more }));
        } catch (error) {
          const message = errorText(error);
          span.setStatus({ code: SpanStatusCode.ERROR, message });
          if (error instanceof TidegateError) span.setAttribute("error.type", error.code);
          throw error;
        } finally {
          span.end();
        }
      },
    );
}
