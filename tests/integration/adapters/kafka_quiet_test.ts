import assert from "node:assert/strict";
import { NO_BROKER, TEST_BROKER } from "./_broker.ts";

const NO_RUN = Deno.permissions.querySync({ name: "run" }).state !== "granted";

Deno.test({
  name: "a process that closed the adapters has printed nothing and ends by itself",
  ignore: NO_BROKER || NO_RUN,
  fn: async () => {
    const main = new URL("./_quiet_main.ts", import.meta.url);
    const permissions = ["--allow-net", "--allow-env", "--allow-read"];
    const process = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", ...permissions, main.href, TEST_BROKER ?? ""],
      stdout: "piped",
      stderr: "piped",
      signal: AbortSignal.timeout(30_000),
    });
    const { success, stdout, stderr } = await process.output();
    const printed = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    assert.deepEqual({ success, printed }, { success: true, printed: "" });
  },
});
