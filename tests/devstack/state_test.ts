import assert from "node:assert/strict";
import fc from "fast-check";
import {
  EMPTY_STATE,
  formatState,
  parseState,
  type ServerRecord,
  type StackState,
  withServer,
} from "../../devstack/state.ts";

const KAFKA: ServerRecord = {
  pid: 20558,
  identity: "proc bff2964c-6514-4370-a2a0-a06cbbe27131 275970",
  address: "127.0.0.1:19092",
  product: "Kafka",
  version: "4.1.0",
  source: "built",
  logFile: "/p/.tidegate/logs/broker.log",
  webUi: null,
  startedAt: "2026-11-22T19:05:40.893Z",
};

const record = fc.record<ServerRecord>({
  pid: fc.integer({ min: 1 }),
  identity: fc.string(),
  address: fc.string(),
  product: fc.constantFrom("Kafka", "Redpanda", "Temporal"),
  version: fc.string(),
  source: fc.constantFrom("path", "built"),
  logFile: fc.string(),
  webUi: fc.option(fc.string()),
  startedAt: fc.string(),
});
const port = fc.integer({ min: 1, max: 65_535 });
const state = fc.record<StackState>({
  servers: fc.record({ broker: record, temporal: record }, { requiredKeys: [] }),
  lastPorts: fc.record({ broker: port, temporal: port, ui: port }, { requiredKeys: [] }),
});

Deno.test("state: what is written is read again", () => {
  fc.assert(fc.property(state, (one) => {
    assert.deepEqual(JSON.parse(formatState(parseState(formatState(one)))), {
      version: 1,
      ...JSON.parse(JSON.stringify(one)),
    });
  }));
});

Deno.test("parseState: no text at all makes it throw", () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => void parseState(text)));
});

Deno.test("parseState: a broken or foreign file is the empty state", () => {
  for (const text of ["", "{", "null", "[]", "{}", '{"version":2,"servers":{}}']) {
    assert.deepEqual(parseState(text), EMPTY_STATE);
  }
});

Deno.test("parseState: a broken record is left out, the other one stays", () => {
  const text = JSON.stringify({
    version: 1,
    servers: { broker: { ...KAFKA, pid: "20558" }, temporal: KAFKA },
    lastPorts: { broker: 19092, temporal: 0, ui: 70_000 },
  });
  assert.deepEqual(parseState(text), {
    servers: { temporal: KAFKA },
    lastPorts: { broker: 19092 },
  });
});

Deno.test("withServer: puts a record in and takes it out", () => {
  const one = withServer(EMPTY_STATE, "broker", KAFKA);
  assert.deepEqual(one.servers, { broker: KAFKA });
  assert.deepEqual(withServer(one, "temporal", null).servers, { broker: KAFKA });
  assert.deepEqual(withServer(one, "broker", null), EMPTY_STATE);
});
