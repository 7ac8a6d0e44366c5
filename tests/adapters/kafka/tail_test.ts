import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { BrokerAnswer, KafkaCode } from "../../../adapters/kafka/errors.ts";
import { BatchError } from "../../../adapters/kafka/record_batch.ts";
import type {
  Tail,
  TailAnswer,
  TailEvent,
  TailPart,
  TailPoll,
} from "../../../adapters/kafka/tail.ts";
import { createFakeLog, type FakeLog } from "../../fake_log/fake_log.ts";
import type { FakeTailOptions } from "../../fake_log/tail.ts";
import { numbered } from "./log_contract.ts";
import { all, reads, untilEvent, whole } from "./tail_contract.ts";

const TOPIC = "clicks";

async function logOf(partitions: number, records = 0): Promise<FakeLog> {
  const log = createFakeLog();
  await log.admin.createTopics([{ topic: TOPIC, partitions }]);
  for (let p = 0; p < partitions; p++) await log.writer.send(TOPIC, numbered(0, records, p));
  return log;
}

function follow(
  log: FakeLog,
  options: FakeTailOptions,
  partitions: readonly Parameters<typeof whole>[0][],
  leftMs = 20_000,
): Tail {
  return log.openTailer(options).follow({
    topic: TOPIC,
    topicId: null,
    partitions: partitions.map(whole),
    leftMs: () => leftMs,
    spacingMs: () => 5,
    metadataMs: 10,
  });
}

/** An answer that says the same of every partition. */
function answerAll(poll: TailPoll, part: TailPart, throttleMs = 0): Promise<TailAnswer> {
  const parts = new Map(poll.partitions.map(({ partition }) => [partition, part]));
  return Promise.resolve({ throttleMs, parts });
}

function kinds(events: readonly TailEvent[], kind: TailEvent["kind"]): number[] {
  return events.filter((it) => it.kind === kind).map(({ partition }) => partition);
}

Deno.test("a throttled answer is no failure: its time is waited out, and then all is read", async () => {
  const log = await logOf(2, 5);
  const polls: number[] = [];
  const tail = follow(log, {
    answer: () => {
      polls.push(performance.now());
      if (polls.length > 1) return undefined;
      return Promise.resolve({ throttleMs: 150, parts: new Map() });
    },
  }, all(2));

  const events = await untilEvent(tail, (it) => it.kind === "read" && it.records.length > 0);
  assert.deepEqual(kinds(events, "throttled"), [0, 1]);
  assert.deepEqual(kinds(events, "passing"), []);
  assert.ok((polls[1] ?? 0) - (polls[0] ?? 0) >= 149, "the time must be waited out");
  assert.equal(tail.troubles().size, 0);
  await tail.end(0);
});

Deno.test("answers that stay empty below the end move no cursor, and count as caught up in the end", async () => {
  const log = await logOf(2, 10);
  log.compactAway(TOPIC, 0, [8, 9]);
  let asked = 0;
  const tail = follow(
    log,
    {
      hollowMs: 300,
      answer: (_leader, poll) => {
        if (poll.partitions.some(({ partition }) => partition === 0)) asked += 1;
        return undefined;
      },
    },
    [{ partition: 0, cursor: 8 }, { partition: 1, cursor: 10 }],
    3_000,
  );
  const startedMs = performance.now();
  const events = await untilEvent(tail, (it) => it.kind === "read" && it.hollow);
  const tookMs = performance.now() - startedMs;
  assert.ok(tookMs >= 300, `after ${tookMs} ms`);
  const empty = reads(events).filter(({ partition }) => partition === 0);
  assert.ok(empty.every((it) => it.next === 8 && it.end === 10 && it.records.length === 0));
  assert.ok(asked <= 4, `asked ${asked} times in ${tookMs} ms`);
  await log.writer.send(TOPIC, numbered(10, 12, 0));
  const later = await untilEvent(tail, (it) => it.kind === "read" && it.records.length > 0);
  const read = reads(later).find(({ records }) => records.length > 0);
  assert.deepEqual(read?.records.map(({ offset }) => offset), [10, 11]);
  assert.equal(read?.hollow, false);
  await tail.end(0);
});

Deno.test("a hollow partition is known again by the next reading", async () => {
  const log = await logOf(1, 10);
  log.compactAway(TOPIC, 0, [8, 9]);
  const tailer = log.openTailer({ hollowMs: 400 });
  const once = (leftMs: number) =>
    tailer.follow({
      topic: TOPIC,
      topicId: null,
      partitions: [whole({ partition: 0, cursor: 8 })],
      leftMs: () => leftMs,
      spacingMs: () => 5,
    });
  let hollow = false;
  for (let i = 0; i < 6 && !hollow; i++) {
    const tail = once(100);
    const untilMs = performance.now() + 100;
    while (performance.now() < untilMs) {
      hollow ||= reads(await tail.next(untilMs - performance.now())).some((it) => it.hollow);
    }
    await tail.end(0);
  }
  assert.ok(hollow, "five readings of 100 ms each must find out");
});

Deno.test("a broker that hangs holds nobody back, and is named", async () => {
  const log = await logOf(4, 5);
  const hung = Promise.withResolvers<TailAnswer>();
  const tail = follow(
    log,
    {
      leaderOf: (partition) => partition === 2 ? "broker-2" : "broker-1",
      answer: (leader) => leader === "broker-2" ? hung.promise : undefined,
    },
    all(4),
    900,
  );
  const first = reads(await tail.next(1_000));
  assert.deepEqual(first.map(({ partition }) => partition), [0, 1, 3]);
  assert.equal(tail.troubles().size, 0, "not at once");
  await sleep(1_500);
  assert.deepEqual([...tail.troubles().keys()], [2]);
  assert.equal(tail.troubles().get(2)?.code, "TG_BROKER_UNREACHABLE");
  hung.reject(new Error("its connection was closed"));
  await tail.end(50);
});

Deno.test("a partition whose leader moves is read on at the new one", async () => {
  const log = await logOf(2, 5);
  let leader = "broker-1";
  const tail = follow(
    log,
    {
      leaderOf: () => leader,
      epochOf: () => leader === "broker-1" ? 3 : 4,
      epochEnd: () => 5,
      answer: (asked, poll) =>
        asked === leader
          ? undefined
          : answerAll(poll, { error: new BrokerAnswer(KafkaCode.NOT_LEADER_OR_FOLLOWER) }),
    },
    all(2),
    300,
  );
  await untilEvent(tail, (it) => it.kind === "read" && it.records.length > 0);
  leader = "broker-2";
  await log.writer.send(TOPIC, numbered(5, 6, 1));
  const events = await untilEvent(tail, (it) => it.kind === "read" && it.records.length > 0);
  assert.deepEqual(kinds(events, "stopped"), []);
  const read = reads(events).find(({ records }) => records.length > 0);
  assert.deepEqual([read?.leader, read?.from, read?.next, read?.leaderEpoch], [
    "broker-2",
    5,
    6,
    4,
  ]);
  await tail.end(0);
});

Deno.test("an epoch that went back is a topic made anew; records that a leader has lost are a divergence", async () => {
  const log = await logOf(4, 20);
  const tail = follow(log, {
    epochOf: (partition) => partition === 3 ? null : 5,
    epochEnd: (partition) => partition === 1 ? 8 : 10,
  }, [
    { partition: 0, cursor: 10, leaderEpoch: 6 },
    { partition: 1, cursor: 10, leaderEpoch: 4 },
    { partition: 2, cursor: 10, leaderEpoch: 4 },
    { partition: 3, cursor: 10, leaderEpoch: 4 },
  ]);
  const events = await untilEvent(tail, (it) => it.kind === "read" && it.records.length > 0);
  const stopped = events.flatMap((it) =>
    it.kind === "stopped" ? [[it.partition, it.error.code]] : []
  );
  assert.deepEqual(stopped, [[0, "TG_TOPIC_RECREATED"], [1, "TG_LOG_DIVERGED"]]);
  assert.deepEqual(kinds(events, "read"), [2, 3]);
  await tail.end(0);
});

Deno.test("a log that ends before the cursor stays so for a while before it stops", async () => {
  const log = await logOf(2, 10);
  const tail = follow(log, {}, [{ partition: 0, cursor: 20 }, { partition: 1, cursor: 10 }]);
  const events = await untilEvent(tail, ({ kind }) => kind === "stopped");
  assert.ok(kinds(events, "passing").length >= 5);
  const last = events.find(({ kind }) => kind === "stopped");
  assert.ok(last?.kind === "stopped");
  assert.deepEqual([last.partition, last.error.code], [0, "TG_TOPIC_RECREATED"]);
  await tail.end(0);
});

Deno.test("bytes damaged on the way are fetched again; a batch damaged for good stops its partition", async () => {
  const log = await logOf(1, 5);
  for (const [damages, kind] of [[1, "read"], [2, "stopped"]] as const) {
    let left = damages;
    const tail = follow(log, {
      answer: (_leader, poll) =>
        left-- > 0
          ? answerAll(poll, { error: new BatchError("the checksum is wrong") })
          : undefined,
    }, all(1));
    const events = await untilEvent(tail, (it) => it.kind !== "passing");
    assert.equal(events.at(-1)?.kind, kind);
    const [first] = events;
    assert.ok(first?.kind === "passing" && first.error.code === "TG_LOG_DAMAGED");
    await tail.end(0);
  }
});

Deno.test("any other code of one partition passes, and the others are read meanwhile", async () => {
  const log = await logOf(3, 5);
  let bad = true;
  const tail = follow(
    log,
    {
      answer: (leader, poll) => {
        if (!bad || !poll.partitions.some(({ partition }) => partition === 1)) return undefined;
        void leader;
        return answerAll(poll, { error: new BrokerAnswer(89) });
      },
    },
    all(3),
    300,
  );
  const early = await untilEvent(tail, ({ kind }) => kind === "passing");
  assert.deepEqual(kinds(early, "stopped"), []);
  assert.ok(tail.troubles().size > 0);
  bad = false;
  const seen = new Set<number>();
  while (seen.size < 3) {
    for (const it of reads(await tail.next(5_000))) {
      if (it.records.length > 0) seen.add(it.partition);
    }
  }
  assert.equal(tail.troubles().size, 0);
  await tail.end(0);
});

Deno.test("an open transaction holds the end, not the high watermark", async () => {
  const log = await logOf(1, 3);
  const open = log.begin();
  open.append(TOPIC, numbered(3, 5));
  const tail = follow(log, {}, all(1), 300);
  const [first] = reads(await tail.next(1_000));
  assert.deepEqual([first?.next, first?.end, first?.highWatermark], [3, 3, 5]);
  open.commit();
  const events = await untilEvent(tail, (it) => it.kind === "read" && it.records.length > 0);
  const read = reads(events).at(-1);
  assert.deepEqual([read?.records.length, read?.next, read?.end], [2, 6, 6]);
  await tail.end(0);
});

Deno.test("no two polls of a quiet broker follow each other without a pause", async () => {
  const log = await logOf(1, 1);
  const sent: number[] = [];
  const tail = log.openTailer({
    answer: () => {
      sent.push(performance.now());
      return undefined;
    },
  }).follow({
    topic: TOPIC,
    topicId: null,
    partitions: all(1).map(whole),
    leftMs: () => 30,
    spacingMs: () => 40,
  });
  const untilMs = performance.now() + 400;
  while (performance.now() < untilMs) await tail.next(untilMs - performance.now());
  await tail.end(0);
  assert.ok(sent.length <= 11, `${sent.length} polls in 400 ms`);
});

Deno.test("polls that are out at the end are waited for, but not for long", async () => {
  const log = await logOf(1);
  const tail = follow(log, {}, all(1), 20_000);
  await tail.next(20);
  const waiting = tail.end(2_000);
  await log.writer.send(TOPIC, numbered(0, 1));
  const late = reads(await waiting);
  assert.deepEqual(late.map(({ end }) => end), [1]);

  const other = follow(log, { answer: () => new Promise(() => undefined) }, all(1));
  await other.next(20);
  const startedMs = performance.now();
  await Promise.race([other.end(50), sleep(1_000)]);
  assert.ok(performance.now() - startedMs < 500);
});

Deno.test("partitions that are added are seen within the time that metadata may be old", async () => {
  const log = await logOf(1);
  const tail = follow(log, {}, all(1), 60);
  await tail.next(100);
  assert.equal(tail.topicPartitions, 1);
  await log.admin.addPartitions(TOPIC, 3);
  for (let i = 0; i < 5 && tail.topicPartitions === 1; i++) await tail.next(100);
  assert.equal(tail.topicPartitions, 3);
  await tail.end(0);
});
