/** Writing result rows: one order, one content a revision, and nobody writes behind another's back. */

import assert from "node:assert/strict";
import type { LogReader } from "../../../adapters/kafka/log.ts";
import type { RowsWriter, RowsWriterOptions } from "../../../adapters/kafka/rows_writer.ts";
import { readAll, text } from "../../adapters/kafka/log_contract.ts";
import { TEST_BROKER, TEST_SETTINGS } from "./_broker.ts";
import { testKafka } from "./_kafka.ts";
import { type KafkaProxy, startProxy } from "./_proxy.ts";

const PRODUCE = 0;
const INIT_PRODUCER_ID = 22;
const END_TXN = 26;

/** A results topic with writers of it. */
interface Results {
  readonly topic: string;
  readonly reader: LogReader;
  /** Who has the lease. */
  owner: string;
  /** Opens a writer of a process, through a proxy or not. */
  open(
    name: string,
    more?: Partial<RowsWriterOptions> & { readonly proxy?: KafkaProxy },
  ): Promise<RowsWriter & { readonly lost: readonly string[] }>;
  /** All committed records: `key=value`, by offset. */
  all(partition?: number): Promise<string[]>;
}

function testRows(name: string, body: (results: Results) => Promise<void>): void {
  testKafka(name, async ({ topic, reader }) => {
    const { createRowsWriter } = await import("../../../adapters/kafka/rows_writer.ts");
    const writers: RowsWriter[] = [];
    const results: Results = {
      topic,
      reader,
      owner: "a",
      open: async (process, { proxy, ...more } = {}) => {
        const lost: string[] = [];
        const brokers = [proxy?.address ?? TEST_BROKER ?? ""];
        const writer = createRowsWriter({ ...TEST_SETTINGS, brokers }, {
          topic,
          transactionalId: `${topic}-rows`,
          isOurs: () => Promise.resolve(results.owner === process),
          onLost: ({ code }) => lost.push(code),
          answerMs: 1_000,
          ...more,
        });
        writers.push(writer);
        await writer.open();
        return Object.assign(writer, { lost });
      },
      all: async (partition = 0) => {
        const records = await readAll(reader, topic, partition);
        return records.map(({ key, value }) => `${text(key)}=${text(value)}`);
      },
    };
    try {
      await body(results);
    } finally {
      await Promise.all(writers.map((it) => it.close()));
    }
  });
}

function rows(window: string, revision: number, ...values: readonly string[]) {
  return {
    window,
    revision,
    records: values.map((value) => ({ key: `${window}/${value}`, value: `${value}${revision}` })),
  };
}

testRows("rows are written in the order in which they are handed in, many at once", async (t) => {
  const writer = await t.open("a");
  const ends = await Promise.all(
    Array.from({ length: 40 }, (_, i) => writer.write(rows(`w${i}`, 0, "x", "y"))),
  );
  assert.ok(ends.every((it) => it === "written"));
  assert.deepEqual(
    await t.all(),
    Array.from({ length: 40 }, (_, i) => [`w${i}/x=x0`, `w${i}/y=y0`]).flat(),
  );
  assert.equal(await writer.write(rows("empty", 0)), "written");
});

testRows(
  "a smaller revision than one that was handed in is dropped, the same is written again",
  async (t) => {
    const writer = await t.open("a");
    const ends = await Promise.all([
      writer.write(rows("w", 1, "x")),
      writer.write(rows("w", 0, "x")),
      writer.write(rows("v", 0, "x")),
      writer.write(rows("w", 1, "x")),
    ]);
    assert.deepEqual(ends, ["written", "superseded", "written", "written"]);
    assert.deepEqual(await t.all(), ["w/x=x1", "v/x=x0", "w/x=x1"]);
  },
);

testRows(
  "a process that wakes up after another one has taken over writes nothing and takes nothing back",
  async (t) => {
    const a = await t.open("a");
    await a.write(rows("w", 0, "x"));
    t.owner = "b";
    const b = await t.open("b");
    await b.write(rows("w", 1, "x"));
    await assert.rejects(a.write(rows("w", 0, "x")), { code: "TG_CONTROL_LOST", retryable: false });
    assert.deepEqual(a.lost, ["TG_CONTROL_LOST"]);
    await assert.rejects(a.write(rows("v", 0, "x")), { code: "TG_CONTROL_LOST" });
    await b.write(rows("w", 2, "x"));
    assert.deepEqual(await t.all(), ["w/x=x0", "w/x=x1", "w/x=x2"]);
    assert.deepEqual(b.lost, []);
  },
);

testRows("a process that loses the lease while it takes the id gives it up", async (t) => {
  t.owner = "somebody else";
  await assert.rejects(t.open("a"), { code: "TG_CONTROL_LOST" });
});

testRows("while nobody can say whose the lease is, the id is not taken back", async (t) => {
  let answers = true;
  const isOurs = () => answers ? Promise.resolve(true) : Promise.reject(new Error("no answer"));
  const a = await t.open("a", { isOurs, giveUpMs: 500 });
  t.owner = "b";
  const b = await t.open("b");
  answers = false;
  await assert.rejects(a.write(rows("w", 0, "a")), {
    code: "TG_BROKER_UNREACHABLE",
    retryable: true,
  });
  await b.write(rows("w", 0, "b"));
  assert.deepEqual(await t.all(), ["w/b=b0"]);
  // The lease is its own after all: from the top.
  answers = true;
  await a.write(rows("w", 1, "a"));
  assert.deepEqual(await t.all(), ["w/b=b0", "w/a=a1"]);
});

testRows(
  "a write without an answer is repeated under a new epoch, and the order stays",
  async (t) => {
    const proxy = startProxy(TEST_BROKER ?? "");
    try {
      for (const key of [PRODUCE, END_TXN]) {
        const writer = await t.open("a", { proxy });
        await writer.write(rows("w", 0, "x"));
        let swallowed = false;
        proxy.onResponse = (response) => {
          if (response.key !== key || swallowed) return;
          swallowed = true;
          response.swallow();
        };
        const inits = proxy.seen.filter((it) => it.key === INIT_PRODUCER_ID).length;
        const ends = await Promise.all([
          writer.write(rows("w", 1, "x")),
          writer.write(rows("w", 2, "x")),
        ]);
        proxy.onResponse = () => {};
        assert.deepEqual(ends, ["written", "written"]);
        assert.ok(swallowed);
        // Asked again while the coordinator ends the transaction.
        assert.ok(proxy.seen.filter((it) => it.key === INIT_PRODUCER_ID).length > inits);
        const all = await t.all();
        assert.equal(all.at(-1), "w/x=x2");
        const revisions = all.map((it) => Number(it.slice(-1)));
        const last = revisions.lastIndexOf(0);
        // A transaction may have been committed although nobody heard of it: then it is there twice.
        assert.match(revisions.slice(last).join(""), /^0(12|112|1212|122)$/);
        await writer.close();
      }
    } finally {
      await proxy.close();
    }
  },
);

testRows(
  "what a process had not committed when it died is not read, and holds nobody up",
  async (t) => {
    const proxy = startProxy(TEST_BROKER ?? "");
    const a = await t.open("a", { proxy, giveUpMs: 100, answerMs: 500 });
    await a.write(rows("w", 0, "x"));
    proxy.onResponse = (response) => {
      if (response.key === PRODUCE) proxy.cutAll();
    };
    const dying = assert.rejects(a.write(rows("w", 1, "half")), { code: "TG_BROKER_UNREACHABLE" });
    await dying;
    await proxy.close();
    const startedMs = performance.now();
    t.owner = "b";
    const b = await t.open("b");
    await b.write(rows("w", 1, "x"));
    assert.ok(performance.now() - startedMs < 5_000, "not until the transaction's own timeout");
    assert.deepEqual(await t.all(), ["w/x=x0", "w/x=x1"]);
  },
);

testRows(
  "one emission that the broker refuses does not keep the others from being written",
  async (t) => {
    const writer = await t.open("a");
    const huge = {
      window: "huge",
      revision: 0,
      records: [{ key: "huge", value: "x".repeat(1_200_000) }],
    };
    const ends = await Promise.allSettled([
      writer.write(rows("v", 0, "x")),
      writer.write(huge),
      writer.write(rows("w", 0, "x")),
    ]);
    assert.deepEqual(ends.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
    const [, refused] = ends;
    assert.ok(refused?.status === "rejected" && refused.reason.code === "TG_CONFIG");
    assert.deepEqual((await t.all()).slice(-2), ["v/x=x0", "w/x=x0"]);
    assert.equal(await writer.write(rows("w", 1, "x")), "written");
  },
);

testRows(
  "rows with one revision need no transaction, and are written all the same after a loss",
  async (t) => {
    const proxy = startProxy(TEST_BROKER ?? "");
    try {
      const writer = await t.open("a", { proxy, transactionalId: null });
      await writer.write(rows("w", 0, "x"));
      let cuts = 2;
      proxy.onResponse = (response) => {
        if (response.key === PRODUCE && cuts-- > 0) proxy.cutAll();
      };
      await writer.write(rows("v", 0, "x"));
      assert.ok(!proxy.seen.some(({ key }) => key === END_TXN));
      const all = await t.all();
      assert.equal(all.at(-1), "v/x=x0");
      assert.deepEqual([...new Set(all)], ["w/x=x0", "v/x=x0"]);
    } finally {
      await proxy.close();
    }
  },
);

testRows("old brokers: the versions that every Redpanda speaks are enough", async (t) => {
  const { REDPANDA_APIS } = await import("../_support/redpanda_apis.ts");
  const proxy = startProxy(TEST_BROKER ?? "", { caps: REDPANDA_APIS["24.1"], strict: true });
  try {
    const writer = await t.open("a", { proxy });
    assert.equal(await writer.write(rows("w", 0, "x", "y")), "written");
    const plain = await t.open("a", { proxy, transactionalId: null });
    assert.equal(await plain.write(rows("v", 0, "x")), "written");
    assert.deepEqual(await t.all(), ["w/x=x0", "w/y=y0", "v/x=x0"]);
  } finally {
    await proxy.close();
  }
});
