/**
 * A process that is to fold by a listed code, as a worker is: reads the list on standard input,
 * loads the definition, and says what it has got.
 *
 * @module
 */

import { TidegateError } from "../../../core/errors.ts";
import { type Code, loadByCode } from "../../../definition/code_hash.ts";

const code = JSON.parse(await new Response(Deno.stdin.readable).text()) as Code;
try {
  const { plan, reader } = await loadByCode(code, Deno.args[0] ?? "");
  const kept = reader.where?.({ k: " A ", v: 5, at: 0 });
  console.log(JSON.stringify({ pipeline: plan.pipeline, kept }));
} catch (error) {
  if (!(error instanceof TidegateError)) throw error;
  const { code, message, retryable } = error;
  console.log(JSON.stringify({ code, message, retryable }));
}
