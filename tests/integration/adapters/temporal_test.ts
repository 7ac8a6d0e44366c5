import assert from "node:assert/strict";
import { NO_TEMPORAL, TEMPORAL } from "../workflows/_temporal.ts";

const NOBODY = "http://127.0.0.1:9";

Deno.test({
  name: "a process calls Temporal past the proxies of its environment, and ends in silence",
  ignore: NO_TEMPORAL,
  fn: async () => {
    const proxies = { http_proxy: NOBODY, https_proxy: NOBODY, grpc_proxy: NOBODY, no_proxy: "" };
    const { code, printed } = await run(TEMPORAL.address, proxies);
    assert.deepEqual({ code, printed }, { code: 0, printed: "" });
  },
});

Deno.test({
  name: "a query that nobody answers is told with its code",
  ignore: NO_TEMPORAL,
  fn: async () => {
    const [{ connectTemporal }, { createPipelineClient }] = await Promise.all([
      import("../../../adapters/temporal/client.ts"),
      import("../../../adapters/temporal/pipeline_client.ts"),
    ]);
    const client = await connectTemporal(TEMPORAL);
    const pipeline = `unanswered-${crypto.randomUUID()}`;
    const workflows = createPipelineClient(client, { pipeline, shards: 1 }, 400);
    const workflowId = `${pipeline}/supervisor`;
    await client.workflow.start("supervisor", { workflowId, taskQueue: "nobody" });
    try {
      await assert.rejects(workflows.supervisor(), { code: "TG_TEMPORAL_UNANSWERED" });
    } finally {
      await workflows.terminateAll("the test has ended");
      await client.workflow.getHandle(workflowId).terminate().catch(() => undefined);
      await client.connection.close();
    }
  },
});

// In a process of its own: the native client goes on trying, which the end of a test does not survive.
Deno.test({
  name: "a server that accepts connections and stays silent is told as unreachable",
  ignore: NO_TEMPORAL,
  fn: async () => {
    const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const held: Deno.Conn[] = [];
    const accepting = (async () => {
      for await (const connection of silent) held.push(connection);
    })();
    try {
      const { code, printed } = await run(`127.0.0.1:${silent.addr.port}`);
      assert.equal(code, 1);
      assert.match(
        printed,
        /TG_TEMPORAL_UNREACHABLE: Cannot reach Temporal at .*: no answer within/,
      );
    } finally {
      silent.close();
      await accepting;
      held.forEach((connection) => connection.close());
    }
  },
});

async function run(address: string, env = {}): Promise<{ code: number; printed: string }> {
  const main = new URL("./_temporal_main.ts", import.meta.url);
  const permissions = ["--allow-env", "--allow-read", "--allow-sys", "--allow-ffi"];
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", ...permissions, main.href, address],
    env,
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(30_000),
  }).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, printed: decode(stdout) + decode(stderr) };
}
