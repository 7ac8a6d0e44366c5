import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import type { TidegateError } from "../../core/errors.ts";
import { handleStrayErrors } from "../../processes/stray_errors.ts";

/** Handles such errors; what was said can be awaited. */
function watched() {
  const lines: string[] = [];
  const stops: TidegateError[] = [];
  let heard = Promise.withResolvers<void>();
  const handling = handleStrayErrors({
    say(line) {
      lines.push(line);
      heard.resolve();
      heard = Promise.withResolvers();
    },
    stop: (why) => void stops.push(why),
  });
  const until = async (count: number) => {
    while (lines.length < count) await heard.promise;
  };
  return { lines, stops, until, [Symbol.dispose]: () => handling[Symbol.dispose]() };
}

const STRAYS: Readonly<Record<string, () => void>> = {
  "a promise that nobody awaits": () => void Promise.reject(new Error("boo")),
  "a timer that throws": () =>
    void setTimeout(() => {
      throw new Error("boo");
    }),
  "an event of an error that nobody listens to": () =>
    void setTimeout(() => new EventEmitter().emit("error", new Error("boo"))),
  "something thrown that is no error": () => void Promise.reject("boo"),
};

for (const [name, happen] of Object.entries(STRAYS)) {
  Deno.test(`stray errors: ${name} is told with its code, and the process goes on`, async () => {
    using it = watched();
    happen();
    await it.until(1);
    assert.equal(it.lines.length, 1);
    assert.match(it.lines[0] ?? "", /^TG_UNEXPECTED: .*boo/);
    assert.deepEqual(it.stops, []);
  });
}

Deno.test("stray errors: a flood of them lets the process stop in order, once", async () => {
  using it = watched();
  for (let i = 0; i < 25; i++) void Promise.reject(new Error("boo"));
  await it.until(25);
  assert.deepEqual(it.stops.map(({ code }) => code), ["TG_UNEXPECTED"]);
});
