/** Addresses of brokers: IPv6 ones, and those that brokers name as their own. */

import assert from "node:assert/strict";
import type { KafkaSettings } from "../../../adapters/kafka/log.ts";
import { parseAddress } from "../../../core/address.ts";
import { numbered, readAll } from "../../adapters/kafka/log_contract.ts";
import { NO_BROKER, TEST_BROKER, TEST_SETTINGS } from "./_broker.ts";
import { testKafka } from "./_kafka.ts";
import { startProxy } from "./_proxy.ts";

const METADATA = 3;

Deno.test({
  name: "a broker at an IPv6 address is read from, written to and managed",
  ignore: NO_BROKER || !hasIpv6(),
  fn: async () => {
    const { createKafkaReader } = await import("../../../adapters/kafka/reader.ts");
    const { createKafkaWriter } = await import("../../../adapters/kafka/writer.ts");
    const { createKafkaAdmin } = await import("../../../adapters/kafka/admin.ts");
    await using door = openDoor(TEST_BROKER ?? "");
    const settings: KafkaSettings = { ...TEST_SETTINGS, brokers: [`[::1]:${door.port}`] };
    const reader = createKafkaReader(settings);
    const writer = createKafkaWriter(settings);
    const admin = createKafkaAdmin(settings);
    const topic = `tidegate-test-${crypto.randomUUID()}`;
    try {
      await admin.createTopics([{ topic, partitions: 1 }]);
      await writer.send(topic, numbered(0, 10));
      assert.equal((await readAll(reader, topic)).length, 10);
      await admin.commitOffsets(topic, topic, new Map([[0, 10]]));
      assert.ok(door.visitors >= 3);
    } finally {
      await admin.deleteTopics([topic]);
      await Promise.all([reader.close(), writer.close(), admin.close()]);
    }
  },
});

testKafka("an address that only the broker names is told as its own", async (trial) => {
  const proxy = startProxy(TEST_BROKER ?? "");
  const port = parseAddress(proxy.address)?.port ?? 0;
  proxy.onResponse = ({ key, bytes }) => {
    if (key === METADATA) renumber(bytes, port, 1);
  };
  const reader = trial.openReader({ brokers: [proxy.address] });
  try {
    await assert.rejects(reader.offsets(trial.topic, 0), {
      code: "TG_BROKER_UNREACHABLE",
      retryable: true,
      message: /127\.0\.0\.1:1, which the broker advertises as its address, must answer, got/,
      next: /advertised/,
    });
  } finally {
    await reader.close();
    await proxy.close();
  }
});

/** Overwrites a port, wherever it stands as four bytes. */
function renumber(bytes: Uint8Array, from: number, to: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + 4 <= bytes.length; at++) {
    if (view.getInt32(at) === from) view.setInt32(at, to);
  }
}

function hasIpv6(): boolean {
  if (NO_BROKER) return false;
  try {
    Deno.listen({ hostname: "::1", port: 0 }).close();
    return true;
  } catch {
    return false;
  }
}

/** Listens at [::1] and passes connections on to a broker. */
function openDoor(broker: string): AsyncDisposable & { readonly port: number; visitors: number } {
  const target = parseAddress(broker);
  if (target === null) throw new TypeError(`Cannot pass on: the broker must be host:port`);
  const listener = Deno.listen({ hostname: "::1", port: 0 });
  const passing: Promise<unknown>[] = [];
  const door = {
    port: listener.addr.transport === "tcp" ? listener.addr.port : 0,
    visitors: 0,
    async [Symbol.asyncDispose]() {
      listener.close();
      await serving;
      await Promise.all(passing);
    },
  };
  const serving = (async () => {
    try {
      for await (const visitor of listener) {
        door.visitors += 1;
        const inside = await Deno.connect({ hostname: target.host, port: target.port });
        passing.push(
          visitor.readable.pipeTo(inside.writable).catch(() => undefined),
          inside.readable.pipeTo(visitor.writable).catch(() => undefined),
        );
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  })();
  return door;
}
