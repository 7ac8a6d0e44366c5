/**
 * The launcher with the real worker program.
 */

import assert from "node:assert/strict";
import { runPlanOf } from "../../../core/plan.ts";
import type { WorkerSettings } from "../../../processes/worker.ts";
import { KAFKA, NO_SERVERS, TEMPORAL } from "../_support/servers.ts";
import { launcherTest, type TrialOptions } from "./_trial.ts";

/** Where what is known of files is kept. */
const DATA_DIR = new URL("../../../.tidegate/tests", import.meta.url).pathname;

/** How the control process starts a worker; of a pipeline that does not exist. */
async function worker(temporal = TEMPORAL): Promise<TrialOptions> {
  const [{ testPipeline }, { codeOf }] = await Promise.all([
    import("../_support/test_pipeline.ts"),
    import("../../../definition/code_hash.ts"),
  ]);
  const { file, plan } = await testPipeline(`it-${crypto.randomUUID().slice(0, 8)}`);
  const settings: WorkerSettings = {
    pipelineFile: file,
    plan: runPlanOf(plan),
    kafka: KAFKA,
    temporal,
    generation: 1,
    code: await codeOf(file, { cacheDir: DATA_DIR }),
  };
  return {
    command: Deno.execPath(),
    args: [
      "run",
      "--quiet",
      "--no-check",
      "-A",
      new URL("../../../processes/worker.ts", import.meta.url).href,
    ],
    input: JSON.stringify(settings),
  };
}

launcherTest(
  "the real worker gets ready, is started again when killed, leaves in order",
  () => worker(),
  async (trial) => {
    const { launcher } = trial;
    launcher.want(1);
    await trial.untilReady(1);
    const { pid } = launcher.slots[0] ?? {};
    assert.ok(typeof pid === "number");
    Deno.kill(pid, "SIGKILL");
    await trial.untilState(0, "starting");
    assert.deepEqual(trial.exits, [{ identity: "test-worker-0.1", expected: false }]);
    await trial.untilReady(1);
    launcher.want(0);
    await trial.untilReady(0);
    assert.deepEqual(trial.exits[1], { identity: "test-worker-0.2", expected: true });
    assert.deepEqual(trial.said, ["worker 0 ended (SIGKILL), is started again"]);
  },
  NO_SERVERS,
);

launcherTest(
  "the real worker, told to end while it starts, ends",
  () => worker(),
  async (trial) => {
    trial.launcher.want(1);
    trial.launcher.want(0);
    await trial.untilReady(0);
    assert.deepEqual(trial.said, []);
  },
  NO_SERVERS,
);

launcherTest("the real worker without Temporal fails and says why", async () => ({
  ...await worker({ address: "127.0.0.1:1", namespace: "default" }),
  limits: { openAfter: 1, openMs: 60_000 },
}), async (trial) => {
  trial.launcher.want(1);
  await trial.untilState(0, "open");
  assert.match(trial.said.join("\n"), /worker 0: .*Cannot reach Temporal at 127\.0\.0\.1:1/);
  assert.equal(trial.launcher.slots[0]?.problem, "ended (exit 1)");
}, NO_SERVERS);
