import assert from "node:assert/strict";
import { createExternalLauncher } from "../../../adapters/launchers/external.ts";

Deno.test("none: tells the number, shows who polls, starts and ends nobody", async () => {
  const answers: (readonly string[] | Error)[] = [
    ["b-external-2@y", "a-external-1@x"],
    new Error("away"),
    new Error("away"),
    ["a-external-1@x"],
  ];
  const said: string[] = [];
  let changes = 0;
  const done = Promise.withResolvers<void>();
  const seen: string[] = [];
  const launcher = createExternalLauncher({
    pollers() {
      const answer = answers.shift() ?? [];
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
    say: (line) => said.push(line),
    onChange: () => void changes++,
    pause: (_, signal) => {
      seen.push(launcher.slots.map(({ identity, state }) => `${identity} ${state}`).join(", "));
      if (answers.length > 0) return Promise.resolve();
      done.resolve();
      return new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
    },
  });
  assert.deepEqual(launcher.slots, []);
  launcher.want(3);
  await done.promise;
  assert.equal(launcher.desired, 3);
  const both = "a-external-1@x ready, b-external-2@y ready";
  assert.deepEqual(seen, [both, both, both, "a-external-1@x ready"]);
  assert.deepEqual(said, ["cannot look who polls for sweeps: away"]);
  assert.equal(changes, 3);
  assert.equal(launcher.replace(0), false);
  assert.throws(() => launcher.want(-1), RangeError);
  await launcher.stop();
  launcher.want(1);
  assert.equal(launcher.desired, 3);
});
