import assert from "node:assert/strict";
import plugin from "../../scripts/lint/mod.ts";

/** Lints a source text as if it stood in a file; answers the messages of `tidegate/determinism`. */
function lint(path: string, source: string): string[] {
  return Deno.lint.runPlugin(plugin, path, source)
    .filter((diagnostic) => diagnostic.id === "tidegate/determinism")
    .map((diagnostic) => diagnostic.message);
}

const REFUSED: readonly string[] = [
  "Date.now();",
  'Date["now"]();',
  "Date?.now();",
  "const { now } = Date;",
  "const clock = Date; clock.now();",
  "new Date();",
  "new Date;",
  "new Date(...parts);",
  "Date();",
  "[1].map(Date);",
  "f({ Date });",
  "class Now extends Date {}",
  "Math.random();",
  'Math["random"]();',
  "Math[name]();",
  "const { random } = Math;",
  "const m = Math;",
  "performance.now();",
  "crypto.randomUUID();",
  "setTimeout(f, 1);",
  "setInterval(f, 1);",
  "setImmediate(f);",
  "Deno.env.get('A');",
  "process.env;",
  "fetch('http://localhost');",
  "console.log(1);",
  "globalThis.Date.now();",
  "globalThis['Math'].random();",
  "self.crypto;",
  "eval('Date.now()');",
  "new Function('return Date.now()');",
  "new Intl.NumberFormat();",
  "new WeakRef(o);",
  "new Worker(url);",
  "f(performance);",
  "f({ fetch });",
  "const { process } = o;",
  "(Date as Clock).now();",
  "Date!.now();",
  "a.localeCompare(b);",
  "a.toLocaleString();",
  "a?.toLocaleUpperCase();",
];

const ALLOWED: readonly string[] = [
  "new Date(0);",
  "new Date(ms).toISOString();",
  "new Date(2026, 1);",
  'Date.parse("2026-01-01T00:00:00Z");',
  "Date.UTC(2026, 0);",
  "x instanceof Date;",
  "let d: Date;",
  "let d: typeof Date;",
  "function f(at: Date): Date { return at; }",
  "Math.floor(1.5); Math.max(1, 2);",
  "state.performance; state.process(1); this.fetch();",
  "const o = { process: 1, fetch() {}, 'crypto': 2 };",
  "class A { process = 1; fetch() {} get crypto() { return 1; } }",
  "interface A { fetch(request: string): void; performance: number }",
  "type F = (performance: number) => void;",
  "let f: Function;",
  "// Date.now() in a comment\nconst s = 'Math.random()';",
  "a.locale; a.compare(b);",
];

for (const room of ["core", "workflows"]) {
  for (const source of REFUSED) {
    Deno.test(`determinism: refused in ${room}/: ${source}`, () => {
      const messages = lint(`${room}/x.ts`, source);
      assert.equal(messages.length, 1, messages.join("\n"));
      assert.match(messages[0] ?? "", new RegExp(`^Cannot use .+ in ${room}/$`));
    });
  }
  for (const source of ALLOWED) {
    Deno.test(`determinism: allowed in ${room}/: ${source.replace("\n", " ")}`, () => {
      assert.deepEqual(lint(`${room}/x.ts`, source), []);
    });
  }
}

Deno.test("determinism: the rooms that do I/O may read the clock", () => {
  for (const path of ["adapters/x.ts", "cli/x.ts", "tests/core/x_test.ts", "scripts/x.ts"]) {
    assert.deepEqual(lint(path, "Date.now(); Math.random();"), []);
  }
});
