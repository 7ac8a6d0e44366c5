/**
 * The contract of the log, part: topics, partitions, deleted records and group offsets.
 *
 * @module
 */

import assert from "node:assert/strict";
import { numbered, type RegisterTest, text } from "./trial.ts";

/** Registers the tests. */
export function testTopics(test: RegisterTest): void {
  test("a topic is described by its partitions, a missing one by null", async (t) => {
    assert.equal(await t.reader.describe(t.topic), null);
    await t.admin.createTopics([{ topic: t.topic, partitions: 3 }]);
    const info = await t.reader.describe(t.topic);
    assert.equal(info?.topic, t.topic);
    assert.deepEqual(info?.partitions, [0, 1, 2]);
    assert.match(info?.topicId ?? "", /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/);
    assert.ok((await t.admin.listTopics()).includes(t.topic));
  });

  test("describing or reading a missing topic does not make it", async (t) => {
    await t.reader.describe(t.topic);
    await assert.rejects(t.fetch(0), { code: "TG_TOPIC_MISSING" });
    await assert.rejects(t.reader.offsets(t.topic, 0), { code: "TG_TOPIC_MISSING" });
    await assert.rejects(t.reader.offsetAt(t.topic, 0, 0), { code: "TG_TOPIC_MISSING" });
    await assert.rejects(t.reader.ends(t.topic, [0]), { code: "TG_TOPIC_MISSING" });
    assert.ok(!(await t.admin.listTopics()).includes(t.topic));
  });

  test("a missing partition is told apart from an empty one", async (t) => {
    await t.admin.createTopics([{ topic: t.topic, partitions: 1 }]);
    assert.deepEqual(await t.reader.offsets(t.topic, 0), { start: 0, end: 0 });
    assert.deepEqual(await t.fetch(0), { records: [], next: 0, start: 0, end: 0 });
    await assert.rejects(t.fetch(0, { partition: 1 }), { code: "TG_TOPIC_MISSING" });
    await assert.rejects(t.reader.offsets(t.topic, 1), { code: "TG_TOPIC_MISSING" });
    assert.deepEqual(await t.reader.ends(t.topic, [0, 1]), new Map([[0, 0]]));
  });

  test("topics are made once, with their settings", async (t) => {
    const spec = { topic: t.topic, partitions: 2, config: { "cleanup.policy": "compact" } };
    assert.deepEqual(await t.admin.createTopics([spec]), [t.topic]);
    const other = `${t.topic}-b`;
    const made = await t.admin.createTopics([{ ...spec, partitions: 5 }, {
      ...spec,
      topic: other,
    }]);
    assert.deepEqual(made, [other]);
    assert.deepEqual((await t.reader.describe(t.topic))?.partitions, [0, 1]);
    assert.equal((await t.admin.topicConfig(t.topic))["cleanup.policy"], "compact");
    await t.admin.deleteTopics([other]);
    await assert.rejects(t.admin.topicConfig(other), { code: "TG_TOPIC_MISSING" });
  });

  test("a topic without partitions is refused", async (t) => {
    await assert.rejects(t.admin.createTopics([{ topic: t.topic, partitions: 0 }]), {
      code: "TG_CONFIG",
    });
  });

  test("partitions are added up to a count, never removed", async (t) => {
    await t.admin.createTopics([{ topic: t.topic, partitions: 1 }]);
    await t.admin.addPartitions(t.topic, 3);
    await t.admin.addPartitions(t.topic, 3);
    await t.admin.addPartitions(t.topic, 2);
    assert.deepEqual((await t.reader.describe(t.topic))?.partitions, [0, 1, 2]);
    await t.writer.send(t.topic, [{ key: null, value: "x", partition: 2 }]);
    assert.equal((await t.readAll(0, 2)).length, 1);
  });

  test("topics are deleted, missing ones passed over", async (t) => {
    await t.admin.createTopics([{ topic: t.topic, partitions: 1 }]);
    await t.admin.deleteTopics([t.topic, `${t.topic}-none`]);
    await t.admin.deleteTopics([t.topic]);
    assert.equal(await t.reader.describe(t.topic), null);
  });

  test("deleted records are gone", async (t) => {
    await t.admin.createTopics([{ topic: t.topic, partitions: 1 }]);
    await t.writer.send(t.topic, numbered(0, 10));
    await t.admin.deleteRecords(t.topic, 0, 4);
    await t.admin.deleteRecords(t.topic, 0, 2); // Already gone: nothing to do.
    await assert.rejects(t.admin.deleteRecords(t.topic, 0, 11), { code: "TG_OFFSET_GONE" });
    await assert.rejects(t.admin.deleteRecords(t.topic, 1, 1), { code: "TG_TOPIC_MISSING" });
    assert.deepEqual(await t.reader.offsets(t.topic, 0), { start: 4, end: 10 });
    const gone = { code: "TG_OFFSET_GONE", retryable: false };
    await assert.rejects(t.fetch(3), { ...gone, message: /\/0: .*\[4, 10\], got 3/ });
    const answer = await t.fetch(4);
    assert.deepEqual([answer.records[0]?.offset, answer.start], [4, 4]);
  });

  test("a group's offsets are kept by partition", async (t) => {
    await t.admin.createTopics([{ topic: t.topic, partitions: 3 }]);
    const group = `${t.topic}-group`;
    assert.deepEqual(await t.admin.committedOffsets(group, t.topic), new Map());
    await t.admin.commitOffsets(group, t.topic, new Map([[0, 5], [2, 9_007_199_254]]));
    await t.admin.commitOffsets(group, t.topic, new Map([[0, 6]]), "a note");
    assert.deepEqual(
      new Map([...await t.admin.committedOffsets(group, t.topic)].sort(([a], [b]) => a - b)),
      new Map([[0, 6], [2, 9_007_199_254]]),
    );
    assert.deepEqual(
      new Map([...await t.admin.committedNotes(group, t.topic)].sort(([a], [b]) => a - b)),
      new Map([[0, "a note"], [2, ""]]),
    );
    assert.deepEqual(await t.admin.committedOffsets(group, `${t.topic}-other`), new Map());
    await t.admin.deleteGroup(group);
    await t.admin.deleteGroup(group);
    assert.deepEqual(await t.admin.committedOffsets(group, t.topic), new Map());
  });

  test("a topic made anew has another id, empty partitions, and is read at once", async (t) => {
    await t.admin.createTopics([{ topic: t.topic, partitions: 1 }]);
    await t.writer.send(t.topic, numbered(0, 5));
    assert.equal((await t.readAll()).length, 5);
    const before = await t.reader.describe(t.topic);
    await t.admin.deleteTopics([t.topic]);
    await t.admin.createTopics([{ topic: t.topic, partitions: 2 }]);
    await assert.rejects(again(() => t.fetch(5)), { code: "TG_OFFSET_GONE" });
    const after = await t.reader.describe(t.topic);
    assert.notEqual(after?.topicId, before?.topicId);
    await t.writer.send(t.topic, [...numbered(0, 2, 0), ...numbered(0, 1, 1)]);
    assert.deepEqual((await t.readAll(0, 0)).map(({ value }) => text(value)), ["0", "1"]);
    assert.deepEqual((await t.readAll(0, 1)).map(({ value }) => text(value)), ["0"]);
  });

  test("a topic that was deleted under a reader is missing", async (t) => {
    await t.admin.createTopics([{ topic: t.topic, partitions: 1 }]);
    await t.fetch(0);
    await t.admin.deleteTopics([t.topic]);
    await assert.rejects(again(() => t.fetch(0)), { code: "TG_TOPIC_MISSING" });
    await assert.rejects(again(() => t.reader.offsets(t.topic, 0)), { code: "TG_TOPIC_MISSING" });
  });
}

/**
 * Repeats a call until it fails: a broker still answers for a deleted topic until it has closed its
 * files, which no request tells.
 */
async function again(call: () => Promise<unknown>): Promise<void> {
  for (let i = 0; i < 1_000; i++) await call();
}
