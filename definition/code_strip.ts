/**
 * What a script says without types, comments and layout: the JavaScript that it becomes, printed in
 * one way. Run as a program, it answers the hashes of the scripts that it is given, so that the
 * transpiler (100 MB of memory, 2026-11-30) stays out of the process that asks.
 *
 * @module
 */

import { createHash } from "node:crypto";

/** A script. */
export interface Script {
  /** Its file name: what it ends with says which language it is in. */
  readonly name: string;
  /** Its text. */
  readonly text: string;
}

/** SHA-256, the first 32 hex digits. */
export function sha256(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex").slice(0, 32);
}

/**
 * The hash of what scripts say. A script that is none, or in a language that is not known, counts
 * by its text.
 *
 * @returns A hash each, in the same order.
 */
export async function scriptHashes(scripts: readonly Script[]): Promise<string[]> {
  // Loaded only where something is to be stripped.
  const { transform } = await import("@swc/core");
  return await Promise.all(scripts.map(async ({ name, text }) => {
    const typed = /\.[cm]?tsx?$/.test(name);
    const jsx = /x$/.test(name);
    try {
      const { code } = await transform(text, {
        filename: name,
        swcrc: false,
        configFile: false,
        isModule: /\.c[jt]s$/.test(name) ? "unknown" : true,
        sourceMaps: false,
        // One way of printing: braces, quotes and parentheses too, so that a formatter changes nothing.
        minify: true,
        jsc: {
          target: "esnext",
          parser: typed
            ? { syntax: "typescript", tsx: jsx, decorators: true }
            : { syntax: "ecmascript", jsx, decorators: true },
          minify: { compress: { defaults: false }, mangle: false, format: { comments: false } },
        },
      });
      return sha256(code);
    } catch {
      return sha256(text);
    }
  }));
}

if (import.meta.main) {
  const asked = await new Response(Deno.stdin.readable).text();
  // Written by `code_hash.ts` of the same version, so it is of this shape.
  console.log(JSON.stringify(await scriptHashes(JSON.parse(asked) as Script[])));
}
