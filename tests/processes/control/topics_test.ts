import assert from "node:assert/strict";
import { z } from "zod";
import { count, definePipeline, tumbling } from "../../../definition/define.ts";
import {
  makeOutputTopics,
  presentEnds,
  sourceTopic,
  startsFrom,
  warnOfCreateTime,
} from "../../../processes/control/topics.ts";
import { createFakeLog } from "../../fake_log/fake_log.ts";

/** A topic of three partitions: two records, one of which is deleted; one; none. */
async function filled() {
  const log = createFakeLog();
  await log.admin.createTopics([{ topic: "t", partitions: 3 }]);
  const record = (partition: number, timestampMs: number) => (
    { key: null, value: "x", partition, timestampMs }
  );
  await log.writer.send("t", [record(0, 1_000), record(0, 2_000), record(1, 3_000)]);
  await log.admin.deleteRecords("t", 0, 1);
  return { log, info: await sourceTopic(log.reader, "t") };
}

Deno.test("a generation begins at what is left, at the end, or at a time", async () => {
  const { log: { reader }, info } = await filled();
  const cursors = async (from: "earliest" | "latest" | number) =>
    (await startsFrom(reader, info, from)).map(({ partition, cursor }) => [partition, cursor]);
  assert.deepEqual(await cursors("earliest"), [[0, 1], [1, 0], [2, 0]]);
  assert.deepEqual(await cursors("latest"), [[0, 2], [1, 1], [2, 0]]);
  assert.deepEqual(await cursors(2_500), [[0, 2], [1, 0], [2, 0]]);
});

Deno.test("a bounded run ends where the partitions end when it begins", async () => {
  const { log, info } = await filled();
  const ends = await presentEnds(log.reader, info);
  await log.writer.send("t", [{ key: null, value: "x", partition: 2 }]);
  assert.deepEqual([...ends], [[0, 2], [1, 1], [2, 0]]);
});

Deno.test("a topic that is not there is an error that says what to do", async () => {
  const { log } = await filled();
  await assert.rejects(sourceTopic(log.reader, "u"), {
    code: "TG_TOPIC_MISSING",
    next: /deno task replay FILE/,
  });
});

Deno.test("results are compacted, side records also grow old; what is there stays as it is", async () => {
  const { log: { admin } } = await filled();
  const { plan } = definePipeline({
    name: "p",
    source: { topic: "t" },
    event: z.object({ at: z.number() }),
    eventTime: "at",
    watermark: { delay: "2s" },
    window: tumbling("1m"),
    groupBy: [],
    aggregates: { n: count() },
  });
  await makeOutputTopics(admin, plan);
  const policy = async (topic: string) => (await admin.topicConfig(topic))["cleanup.policy"];
  assert.equal(await policy(plan.resultsTopic), "compact");
  assert.equal(await policy(plan.lateTopic), "compact,delete");
  assert.equal(await policy(plan.invalidTopic), "compact,delete");
  await makeOutputTopics(admin, plan);
});

Deno.test("only timestamps of producers are warned of", async () => {
  const { log: { admin } } = await filled();
  const lines: string[] = [];
  await warnOfCreateTime(admin, "t", (line) => lines.push(line));
  assert.match(lines.join(), /topic t has CreateTime timestamps.*LogAppendTime/);
  const config = { "message.timestamp.type": "LogAppendTime" };
  await admin.createTopics([{ topic: "u", partitions: 1, config }]);
  await warnOfCreateTime(admin, "u", (line) => lines.push(line));
  assert.equal(lines.length, 1);
});
