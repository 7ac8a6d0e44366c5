import assert from "node:assert/strict";
import { describeStack, describeStatus, describeStopped } from "../../commands/stack.ts";
import type { StackServer } from "../../devstack/types.ts";

const BROKER: StackServer = {
  address: "127.0.0.1:19092",
  product: "Kafka",
  version: "4.1.0",
  pid: 4711,
  source: "built",
  startedByUs: true,
};
const TEMPORAL: StackServer = {
  address: "temporal.example:7233",
  product: "Temporal",
  version: "1.30.2",
  pid: null,
  source: "given",
  startedByUs: false,
};

Deno.test("describeStack: address, version, source and pid in columns", () => {
  assert.deepEqual(describeStack({ broker: BROKER, temporal: TEMPORAL, webUi: "http://x" }), [
    "broker    127.0.0.1:19092        Kafka 4.1.0      built  pid 4711",
    "temporal  temporal.example:7233  Temporal 1.30.2  given",
    "web ui    http://x",
  ]);
});

Deno.test("describeStatus: says why a server is not up", () => {
  const broker = { state: "down", server: null, note: "not started" } as const;
  const temporal = { state: "silent", server: TEMPORAL, note: "nothing answers" } as const;
  assert.deepEqual(describeStatus({ broker, temporal, webUi: null }), [
    "broker    down    not started",
    "temporal  silent  temporal.example:7233  Temporal 1.30.2  given    nothing answers",
  ]);
});

Deno.test("describeStopped: what was stopped, left alone, removed", () => {
  assert.deepEqual(describeStopped({ stopped: [], left: [] }, false), ["nothing was running"]);
  assert.deepEqual(describeStopped({ stopped: [BROKER], left: ["temporal is given"] }, true), [
    "stopped Kafka on 127.0.0.1:19092 (pid 4711)",
    "left alone: temporal is given",
    "removed the data of the local servers",
  ]);
});
