/**
 * Saved histories of every workflow (`tests/histories`) are replayed with the present code: what
 * runs now must be able to go on from them. Needs no server.
 */

import assert from "node:assert/strict";
import { MAY_RUN } from "./_temporal.ts";

const FOLDER = new URL("../../histories/", import.meta.url);
const DATA_DIR = new URL("../../../.tidegate/tests", import.meta.url).pathname;
const AGAIN = "if no pipeline may be running on the former code, record them anew: " +
  "deno run -A tests/histories/record.ts";

/** The texts of the saved histories by file. */
function saved(): Map<string, string> {
  const names = [...Deno.readDirSync(FOLDER)].map(({ name }) => name);
  return new Map(
    names.filter((name) => name.endsWith(".json")).sort()
      .map((name) => [name, Deno.readTextFileSync(new URL(name, FOLDER))]),
  );
}

/** Replays histories with the present code, or with what `change` makes of it; answers the errors. */
async function errorsOf(
  histories: Map<string, string>,
  change: (code: string) => string = (code) => code,
): Promise<Map<string, Error>> {
  const [{ replay }, { workflowBundle }, { historyFromJSON }] = await Promise.all([
    import("./_replay.ts"),
    import("../../../adapters/temporal/bundle.ts"),
    import("@temporalio/common/lib/proto-utils.js"),
  ]);
  const code = change(Deno.readTextFileSync(await workflowBundle(DATA_DIR, () => undefined)));
  const results = await replay(
    { code },
    [...histories].map(([workflowId, text]) => {
      return { workflowId, history: historyFromJSON(JSON.parse(text)) };
    }),
  );
  assert.deepEqual(results.map(({ workflowId }) => workflowId), [...histories.keys()]);
  return new Map(
    results.flatMap(({ workflowId, error }) => error === undefined ? [] : [[workflowId, error]]),
  );
}

function replayTest(name: string, fn: () => Promise<void> | void): void {
  Deno.test({ name, ignore: !MAY_RUN, sanitizeOps: false, sanitizeResources: false, fn });
}

replayTest("every saved history can be replayed", async () => {
  assert.deepEqual(await errorsOf(saved()), new Map(), AGAIN);
});

replayTest("the saved histories hold every workflow and whatever can happen to it", () => {
  const histories = saved();
  const types = new Set([...histories.keys()].map((name) => name.split("-")[0]));
  assert.deepEqual([...types], ["drain", "supervisor", "window"]);
  const all = [...histories.values()].join("");
  for (
    const event of [
      "ACTIVITY_TASK_CANCEL_REQUESTED",
      "ACTIVITY_TASK_FAILED",
      "ACTIVITY_TASK_TIMED_OUT",
      "TIMER_CANCELED",
      "TIMER_FIRED",
      "UPSERT_WORKFLOW_SEARCH_ATTRIBUTES",
      "WORKFLOW_EXECUTION_COMPLETED",
      "WORKFLOW_EXECUTION_CONTINUED_AS_NEW",
      "WORKFLOW_EXECUTION_SIGNALED",
      "WORKFLOW_EXECUTION_UPDATE_COMPLETED",
    ]
  ) assert.ok(all.includes(`"EVENT_TYPE_${event}"`), `no history has ${event}`);
  const asked = "awaitRecords findPartitions sampleFleet scaleFleet settle sweep";
  const told =
    "accept bound call configure endLease exclude flush lease override release renew resume " +
    "setBounds standDown";
  for (const name of `${asked} ${told}`.split(" ")) {
    assert.ok(all.includes(`"name":"${name}"`), `no history has ${name}`);
  }
  assert.ok(all.includes('"signalName":"ready"'));
  const bytes = new TextEncoder().encode(all).length;
  assert.ok(bytes < 300_000, `the histories have ${bytes} bytes`);
});

replayTest("code that asks for other activities than before is found out", async () => {
  const histories = saved();
  const errors = await errorsOf(histories, (code) => {
    const changed = code.replaceAll("awaitRecords", "awaitEvents");
    assert.notEqual(changed, code);
    return changed;
  });
  await assertViolated(errors, [...histories].filter(([, text]) => text.includes("awaitRecords")));
});

replayTest("a drain that decides otherwise than before is found out", async () => {
  const histories = saved();
  const errors = await errorsOf(histories, (code) => {
    // It never has a call made.
    const changed = code.replace(/\bSETTLES_OUT = 8\b/, "SETTLES_OUT = 0");
    assert.notEqual(changed, code);
    return changed;
  });
  await assertViolated(
    errors,
    [...histories].filter(([, text]) => text.includes('"name":"settle"')),
  );
});

replayTest("a history that is not what happened is found out", async () => {
  const tampered = new Map(
    [...saved()].filter(([, text]) => text.includes('"name":"settle"'))
      .map(([name, text]) => [name, text.replace('"name":"settle"', '"name":"emit"')]),
  );
  await assertViolated(await errorsOf(tampered), [...tampered]);
});

async function assertViolated(
  errors: ReadonlyMap<string, Error>,
  wanted: readonly (readonly [name: string, text: string])[],
): Promise<void> {
  const { DeterminismViolationError } = await import("@temporalio/workflow");
  assert.ok(wanted.length > 0);
  assert.deepEqual([...errors.keys()], wanted.map(([name]) => name));
  for (const error of errors.values()) {
    assert.ok(error instanceof DeterminismViolationError, `${error}`);
  }
}
