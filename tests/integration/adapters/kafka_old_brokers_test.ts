/**
 * The reader against older brokers: the proxy hides what they don't speak. Ranges of Redpanda from
 * its sources (`src/v/kafka/server/handlers`).
 */

import assert from "node:assert/strict";
import { numbered, numbers, readAll, text } from "../../adapters/kafka/log_contract.ts";
import { TEST_BROKER } from "./_broker.ts";
import { testKafka } from "./_kafka.ts";
import { type ApiCaps, startProxy } from "./_proxy.ts";

const FETCH = 1;
const LIST_OFFSETS = 2;
const METADATA = 3;
const API_VERSIONS = 18;

interface Profile {
  readonly broker: string;
  readonly caps: ApiCaps;
  /** Whether its Metadata answers zeros where the topic's id belongs. */
  readonly zeroIds?: boolean;
  /** Whether topics have an id for the reader. */
  readonly ids: boolean;
  /** The Fetch version that must be chosen. */
  readonly fetch: number;
}

const PROFILES: readonly Profile[] = [
  { broker: "Redpanda 24.1", caps: caps(11, 4, 7), ids: false, fetch: 11 },
  { broker: "Redpanda 24.3", caps: caps(11, 4, 8), ids: false, fetch: 11 },
  { broker: "Redpanda 25.2", caps: caps(11, 4, 11), zeroIds: true, ids: false, fetch: 11 },
  { broker: "Redpanda 25.3", caps: caps(13, 4, 12), ids: true, fetch: 13 },
  { broker: "Redpanda 26.2", caps: caps(13, 6, 12), ids: true, fetch: 13 },
  // kfake with the caps of 25.2: it tells ids, but fetches by name only.
  { broker: "a broker with ids for Metadata only", caps: caps(11, 4, 11), ids: true, fetch: 11 },
  // None is known that fetches by id but does not tell ids; the name must do then.
  { broker: "a broker without ids", caps: caps(17, 9, 9), ids: false, fetch: 12 },
];

function caps(fetch: number, listOffsets: number, metadata: number): ApiCaps {
  return { [FETCH]: fetch, [LIST_OFFSETS]: listOffsets, [METADATA]: metadata, [API_VERSIONS]: 3 };
}

for (const profile of PROFILES) {
  testKafka(`the reader speaks to ${profile.broker}`, async (trial) => {
    const { topic, writer, openReader } = trial;
    const id = (await trial.reader.describe(topic))?.topicId ?? "";
    const proxy = startProxy(TEST_BROKER ?? "", { caps: profile.caps });
    if (profile.zeroIds === true) {
      proxy.onResponse = ({ key, bytes }) => {
        if (key === METADATA) wipe(bytes, id);
      };
    }
    const reader = openReader({ brokers: [proxy.address] });
    try {
      await writer.send(topic, numbered(0, 40));
      const info = await reader.describe(topic);
      assert.deepEqual(info, { topic, topicId: profile.ids ? id : null, partitions: [0] });
      assert.equal(await reader.describe(`${topic}-none`), null);
      assert.deepEqual(await reader.offsets(topic, 0), { start: 0, end: 40 });
      assert.equal(await reader.offsetAt(topic, 0, 0), 0);
      for (const from of [0, 17, 39, 40]) {
        const read = await readAll(reader, topic, 0, from);
        assert.deepEqual(read.map(({ value }) => text(value)), numbers(from, 40));
      }
      const beyond = reader.fetch({ topic, partition: 0, from: 41 });
      await assert.rejects(beyond, { code: "TG_OFFSET_GONE" });
      const fetches = proxy.seen.filter(({ key }) => key === FETCH).map(({ version }) => version);
      assert.deepEqual(new Set(fetches), new Set([profile.fetch]));
    } finally {
      await reader.close();
      await proxy.close();
    }
  });
}

testKafka("a broker too old is refused with what it lacks", async ({ topic, openReader }) => {
  const proxy = startProxy(TEST_BROKER ?? "", { caps: caps(10, 4, 8) });
  const reader = openReader({ brokers: [proxy.address] });
  try {
    await assert.rejects(reader.fetch({ topic, partition: 0, from: 0 }), {
      code: "TG_CONFIG",
      message: /version of Fetch must be one of 11, .*, got 4 to 10/,
    });
  } finally {
    await reader.close();
    await proxy.close();
  }
});

/** Overwrites an id, wherever it stands, with zeros. */
function wipe(bytes: Uint8Array, id: string): void {
  const hex = id.replaceAll("-", "");
  const wanted = Uint8Array.from(
    { length: 16 },
    (_, i) => parseInt(hex.slice(2 * i, 2 * i + 2), 16),
  );
  for (let at = 0; at + 16 <= bytes.length; at++) {
    if (wanted.every((byte, i) => bytes[at + i] === byte)) bytes.fill(0, at, at + 16);
  }
}
