import assert from "node:assert/strict";
import { TidegateError } from "../../../core/errors.ts";
import { join } from "node:path";
import { parseAddress } from "../../../core/address.ts";
import { identify } from "../../../devstack/launch.ts";
import { isTaken } from "../../../devstack/ports.ts";
import { formatState, type LastPorts } from "../../../devstack/state.ts";
import { probeBrokers, probeTemporal } from "../../../devstack/probe.ts";
import { stackDown, stackReset, stackStatus, stackUp } from "../../../devstack/stack.ts";
import type { Stack, StackOptions } from "../../../devstack/types.ts";
import { inScratch, MAY_RUN } from "./_scratch.ts";

/** Servers of this test's own, whatever else runs on the machine. */
const own = (dataDir: string, said: string[] = []): StackOptions => ({
  ...{ dataDir, brokerPort: 0, temporalPort: 0, uiPort: 0, sources: ["path", "built"] },
  say: (line) => said.push(line),
});

const portOf = (address: string) => parseAddress(address)?.port ?? 0;
const clusterOf = async (stack: Stack) => (await probeBrokers(stack.broker.address))?.clusterId;

/**
 * Ports that nobody gets by chance: below the range that the system gives out by itself. Otherwise
 * another program's connection may take one while the servers are down.
 */
function quietPorts(): LastPorts {
  const from = 20_000 + Math.floor(Math.random() * 10_000);
  const [broker = 0, temporal = 0, ui = 0] = Array.from({ length: 2_000 }, (_, i) => from + i)
    .filter((port) => !isTaken(port));
  return { broker, temporal, ui };
}

/** Makes a topic and a workflow, or looks whether they are there. */
async function clients(stack: Stack) {
  const { Kafka, logLevel } = await import("kafkajs");
  const { Client, Connection, WorkflowNotFoundError } = await import("@temporalio/client");
  const kafka = new Kafka({ brokers: [stack.broker.address], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  const connection = await Connection.connect({ address: stack.temporal.address });
  const workflow = new Client({ connection }).workflow;
  return {
    async make() {
      await admin.createTopics({ topics: [{ topic: "kept", numPartitions: 3 }] });
      await workflow.start("kept", { workflowId: "kept", taskQueue: "nobody" });
    },
    async look() {
      const topics = await admin.listTopics();
      try {
        const { status } = await workflow.getHandle("kept").describe();
        return { topics, workflow: status.name };
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return { topics, workflow: null };
        throw error;
      }
    },
    async [Symbol.asyncDispose]() {
      await admin.disconnect();
      await connection.close();
    },
  };
}

Deno.test({
  name: "the stack: up, again, down, up with the data kept, reset",
  ignore: !MAY_RUN,
  fn: () =>
    inScratch(async (dir) => {
      const options = own(join(dir, "a folder é"));
      const lastPorts = quietPorts();
      await Deno.mkdir(options.dataDir);
      const state = formatState({ servers: {}, lastPorts });
      await Deno.writeTextFile(join(options.dataDir, "stack.json"), state);
      try {
        const stack = await stackUp(options);
        const ports = [stack.broker.address, stack.temporal.address].map(portOf);
        assert.deepEqual(ports, [lastPorts.broker, lastPorts.temporal], "the ports used last");
        assert.ok(await clusterOf(stack), "the broker answers");
        assert.equal(
          (await probeTemporal(stack.temporal.address))?.version,
          stack.temporal.version,
        );
        assert.equal((await fetch(stack.webUi ?? "")).ok, true, "the Web UI answers");
        await fetch(stack.webUi ?? "").then((page) => page.body?.cancel());
        assert.ok(stack.broker.startedByUs && stack.temporal.startedByUs);
        {
          await using client = await clients(stack);
          await client.make();
        }
        const cluster = await clusterOf(stack);

        const said: string[] = [];
        const again = await stackUp({ ...options, say: (line) => said.push(line) });
        assert.deepEqual(again, stack, "up again changes nothing");
        assert.deepEqual(said, []);
        const status = await stackStatus(options);
        assert.deepEqual([status.broker.state, status.temporal.state], ["up", "up"]);
        assert.deepEqual(status.temporal.server, stack.temporal);

        const { stopped } = await stackDown(options);
        assert.deepEqual(stopped, [stack.broker, stack.temporal]);
        assert.equal(await identify(stack.broker.pid ?? 0), null);
        assert.equal(await probeTemporal(stack.temporal.address), null);
        assert.deepEqual((await stackDown(options)).stopped, [], "down again stops nothing");

        const later = await stackUp(options);
        assert.equal(later.broker.address, stack.broker.address, "the same addresses");
        assert.equal(later.temporal.address, stack.temporal.address);
        assert.equal(await clusterOf(later), cluster, "the same cluster");
        {
          await using client = await clients(later);
          assert.deepEqual(await client.look(), { topics: ["kept"], workflow: "RUNNING" });
        }

        // As after a crash: the servers are gone and nobody said so.
        for (const { pid } of [later.broker, later.temporal]) Deno.kill(pid ?? 0, "SIGKILL");
        const revived = await stackUp(options);
        {
          await using client = await clients(revived);
          assert.deepEqual(await client.look(), { topics: ["kept"], workflow: "RUNNING" });
        }

        await stackReset(options);
        const left = [...Deno.readDirSync(options.dataDir)].map((entry) => entry.name).sort();
        assert.deepEqual(left, ["logs", "stack.lock"]);
        const fresh = await stackUp(options);
        assert.notEqual(await clusterOf(fresh), cluster, "another cluster");
        {
          await using client = await clients(fresh);
          assert.deepEqual(await client.look(), { topics: [], workflow: null });
        }
      } finally {
        await stackReset(options);
      }
    }),
});

Deno.test({
  name: "the stack: two commands at once start one pair; another folder's servers stay",
  ignore: !MAY_RUN,
  fn: () =>
    inScratch(async (dir) => {
      const [one, other] = [own(join(dir, "one")), own(join(dir, "other"))];
      try {
        const [first, second, foreign] = await Promise.all([
          stackUp(one),
          stackUp(one),
          stackUp(other),
        ]);
        assert.deepEqual(first, second);
        assert.notEqual(first.broker.pid, foreign.broker.pid);

        const said: string[] = [];
        const taken = {
          ...own(join(dir, "third"), said),
          brokerPort: portOf(foreign.broker.address),
          temporalPort: portOf(foreign.temporal.address),
        };
        await assert.rejects(stackUp(taken), (error: unknown) => {
          assert.ok(error instanceof TidegateError);
          assert.equal(error.code, "TG_PORT_TAKEN");
          assert.match(error.message, / ports \d+ and \d+ must be free/);
          assert.match(error.next, /TIDEGATE_BROKER_PORT and TIDEGATE_TEMPORAL_PORT/);
          assert.ok(error.next.includes(`KAFKA_BROKERS=${foreign.broker.address}`));
          return true;
        });

        assert.equal((await stackDown(one)).stopped.length, 2);
        const status = await stackStatus(other);
        assert.deepEqual([status.broker.state, status.temporal.state], ["up", "up"]);
      } finally {
        await Promise.all([stackReset(one), stackReset(other)]);
      }
    }),
});

Deno.test({
  name: "the stack: a server that dies at its start is shown by its last words, alone",
  ignore: !MAY_RUN,
  fn: () =>
    inScratch(async (dir) => {
      const options = own(dir);
      const logDir = join(dir, "kafka", "data");
      await Deno.mkdir(logDir, { recursive: true });
      await Deno.writeTextFile(
        join(logDir, "meta.properties"),
        "version=1\nnode.id=7\ncluster.id=J5TZ0S3GTz2EJHcF9kYzuQ\n",
      );
      await assert.rejects(stackUp(options), (error: unknown) => {
        assert.ok(error instanceof Error && "code" in error && "next" in error);
        assert.equal(error.code, "TG_STACK");
        assert.match(error.message, /Stored node id 7 doesn't match/);
        assert.match(String(error.next), /broker\.log/);
        return true;
      });
      const { broker, temporal } = await stackStatus(options);
      assert.deepEqual([broker.state, temporal.state], ["down", "down"], "no half stack");
    }),
});

Deno.test({
  name: "the stack: with both addresses set nothing is started, stopped or written",
  ignore: !MAY_RUN,
  fn: () =>
    inScratch(async (dir) => {
      const said: string[] = [];
      const given = { kafkaBrokers: "127.0.0.1:1", temporalAddress: "127.0.0.1:1" };
      const options = { ...own(join(dir, "never"), said), ...given, sources: ["given"] as const };
      const stack = await stackUp(options);
      assert.deepEqual([stack.broker.source, stack.temporal.source], ["given", "given"]);
      assert.equal(said.length, 2, "told that nothing answers there");
      assert.equal((await stackStatus(options)).broker.state, "silent");
      assert.deepEqual([...Deno.readDirSync(dir)], []);
    }),
});
