import assert from "node:assert/strict";
import { isOurs, parseDocProblems } from "../../scripts/doc_problems.ts";

/** What Deno 2.9.6 printed for one file with every kind of problem. */
const OUTPUT = `Warning Failed resolving types. Could not find package 'util'.
    at file:///p/node_modules/.deno/@types+node@26.6.6/node_modules/@types/node/index.d.ts:110:21
error[missing-jsdoc]: exported symbol is missing JSDoc documentation
 --> /p/core/x.ts:7:17
  | 
7 | export function undocumented(): void {}
  |                 ^


error[private-type-ref]: public type 'hidden' references private type 'Hidden'
  --> /p/core/x.ts:13:1
   | 
13 | export function hidden(x: Hidden): void {
   | ^
   = hint: make the referenced type public or remove the reference
   | 
 2 | export interface Hidden {
   | - this is the referenced type
   | 

  info: to ensure documentation is complete all types that are exposed in the public API must be public


error[private-type-ref]: public type 'client' references private type 'Kafka'
  --> /p/adapters/x.ts:17:1
   | 
17 | export function client(x: Kafka): void {
   | ^
   = hint: make the referenced type public or remove the reference
   | 
 9 | export class Kafka {
   | - this is the referenced type
   | 

  info: to ensure documentation is complete all types that are exposed in the public API must be public


error[missing-return-type]: exported function is missing an explicit return type annotation
 --> /p/core/x.ts:20:17
  | 
20 | export function noRet() { return 1; }
  |                 ^


error[missing-explicit-type]: exported symbol is missing an explicit type annotation
 --> /p/core/x.ts:5:14
  | 
5 | export const k = [1, 2].map((x) => x);
  |              ^


error[missing-jsdoc]: exported symbol is missing JSDoc documentation
 --> /p/node_modules/.deno/kafkajs@2.2.4/node_modules/kafkajs/types/index.d.ts:9:14
  | 
9 | export class Kafka {
  |              ^


error: Found 6 documentation lint errors.

Stack backtrace:
   0: <unknown>
`;

Deno.test("parseDocProblems finds every block and the line of a private type", () => {
  const problems = parseDocProblems(OUTPUT);
  assert.deepEqual(problems.map(({ code, line }) => `${code} ${line}`), [
    "missing-jsdoc 7",
    "private-type-ref 13",
    "private-type-ref 17",
    "missing-return-type 20",
    "missing-explicit-type 5",
    "missing-jsdoc 9",
  ]);
  assert.equal(problems[0]?.file, "/p/core/x.ts");
  assert.equal(problems[0]?.declaration, null);
  assert.deepEqual(problems[1]?.declaration, { line: 2, text: "export interface Hidden {" });
  assert.deepEqual(problems[2]?.declaration, { line: 9, text: "export class Kafka {" });
});

Deno.test("parseDocProblems finds nothing in other output", () => {
  assert.deepEqual(parseDocProblems(""), []);
  assert.deepEqual(parseDocProblems("error: Failed resolving './x.ts'"), []);
});

Deno.test("isOurs keeps missing docs and our own private types, and drops a library's", () => {
  const ours = parseDocProblems(OUTPUT)
    .filter((problem) =>
      isOurs(problem, ({ line, text }) => line === 2 && text.includes("Hidden"))
    );
  assert.deepEqual(ours.map(({ code, line }) => `${code} ${line}`), [
    "missing-jsdoc 7",
    "private-type-ref 13",
    "missing-return-type 20",
  ]);
});

Deno.test("isOurs keeps a private type whose declaration isn't shown", () => {
  const [problem] = parseDocProblems(
    "error[private-type-ref]: public type 'a' references private type 'B'\n --> /p/core/x.ts:1:1\n",
  );
  assert.ok(problem);
  assert.equal(isOurs(problem, () => false), true);
});
