import assert from "node:assert/strict";
import { countsBetween, parseCounts, totalOf } from "../../../lab/bench/temporal_counts.ts";

/** As Temporal 1.29.1 serves it, shortened. */
const BEFORE = `
# TYPE service_requests counter
service_requests{namespace="default",operation="SignalWorkflowExecution",service_name="frontend"} 3
service_requests{namespace="default",operation="SignalWorkflowExecution",service_name="history"} 3
service_requests{namespace="default",operation="PollActivityTaskQueue",service_name="frontend"} 10
service_requests{namespace="temporal_system",operation="PollActivityTaskQueue",service_name="frontend"} 150
poll_timeouts{forwarded="false",namespace="default",operation="TaskQueueMgr",partition="0",service_name="matching",task_type="Activity",taskqueue="a"} 4
poll_timeouts{forwarded="false",namespace="default",operation="TaskQueueMgr",partition="0",service_name="matching",task_type="Activity",taskqueue="b"} 2
poll_timeouts{forwarded="false",namespace="temporal_system",operation="TaskQueueMgr",partition="0",service_name="matching",task_type="Activity",taskqueue="c"} 99
action{action_type="grpc_SignalWorkflowExecution",namespace="default",operation="SignalWorkflowExecution",service_name="frontend"} 3
action{action_type="grpc_StartWorkflowExecution",namespace="temporal_system",operation="StartWorkflowExecution",service_name="frontend"} 2
action_other{namespace="default"} 7
`;

Deno.test("polls that ended empty, and what the server asks of itself, don't count", () => {
  const { requests, actions } = parseCounts(BEFORE);
  assert.deepEqual(requests, { SignalWorkflowExecution: 3, PollActivityTaskQueue: 4 });
  assert.deepEqual(actions, { grpc_SignalWorkflowExecution: 3 });
});

Deno.test("what was counted between two looks, the most first", () => {
  const after = BEFORE.replaceAll("} 3\n", "} 8\n").replace(
    '"frontend"} 10',
    '"frontend"} 20',
  );
  const between = countsBetween(parseCounts(BEFORE), parseCounts(after));
  assert.deepEqual(Object.entries(between.requests), [
    ["PollActivityTaskQueue", 10],
    ["SignalWorkflowExecution", 5],
  ]);
  assert.equal(totalOf(between.requests), 15);
  assert.deepEqual(between.actions, { grpc_SignalWorkflowExecution: 5 });
});
