/**
 * Calls a Temporal server, closes the client while a call is under way, and must then end by itself
 * without having printed anything. Started by temporal_test.ts with the server as its argument.
 *
 * @module
 */

import assert from "node:assert/strict";
import { connectTemporal } from "../../../adapters/temporal/client.ts";
import { createPipelineClient } from "../../../adapters/temporal/pipeline_client.ts";

const address = Deno.args[0] ?? "";
const client = await connectTemporal({ address, namespace: "default" }).catch((error) => {
  console.error(`${error.code}: ${error.message}`);
  return Deno.exit(1);
});
const workflows = createPipelineClient(client, { pipeline: "tidegate-nobody", shards: 1 });
assert.equal(await workflows.exists(), false);
const unanswered = client.workflow.start("nothing", {
  workflowId: `tidegate-nobody/${crypto.randomUUID()}`,
  taskQueue: "nobody",
  workflowExecutionTimeout: "10s",
});
const waiting = (await unanswered).result().then(() => false, () => true);
const closing = workflows.exists().then(() => true, () => true);
await client.connection.close();
assert.ok(await waiting);
assert.ok(await closing);
