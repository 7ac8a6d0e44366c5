import assert from "node:assert/strict";
import { until } from "../../devstack/wait.ts";

Deno.test("until: true as soon as the test is, one try at a time", async () => {
  let tries = 0;
  let running = 0;
  const test = async () => {
    assert.equal(++running, 1);
    await Promise.resolve();
    running--;
    return ++tries === 3;
  };
  assert.equal(await until(test, { timeoutMs: 10_000, everyMs: 1 }), true);
  assert.equal(tries, 3);
});

Deno.test("until: false at the end of the time, after at least one try", async () => {
  let tries = 0;
  const never = () => {
    tries++;
    return Promise.resolve(false);
  };
  assert.equal(await until(never, { timeoutMs: 0, everyMs: 1 }), false);
  assert.equal(tries, 1);
});

Deno.test("until: a signal ends the waiting in the middle of a pause", async () => {
  const end = new AbortController();
  const waiting = until(() => {
    queueMicrotask(() => end.abort());
    return Promise.resolve(false);
  }, { timeoutMs: 600_000, everyMs: 600_000, signal: end.signal });
  assert.equal(await waiting, false);
});
