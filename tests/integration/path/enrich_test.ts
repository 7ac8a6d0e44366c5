/**
 * Events that are enriched by a service which is down for a while, slow, or refuses some of them.
 */

import assert from "node:assert/strict";
import type { ResultRow } from "../../../core/flow/row.ts";
import { TRY_MS } from "../_support/enriched.ts";
import { resultsOf } from "../_support/oracle.ts";
import { pathTest, type PathWorld } from "../_support/path_tests.ts";
import { sideRecords } from "../_support/side_records.ts";
import { until } from "../_support/until.ts";

const BASE_MS = Date.parse("2022-05-01T00:00:00Z");
const PARTITIONS = 2;
const EVENTS = 400;
/** Between two events of a partition, in ms. */
const STEP_MS = 250;
/** Longer than the heartbeat timeout of a slice, shorter than a try. */
const SLOW_MS = 7_000;

/** What is said of a person; the team is told by the id alone. */
function person(id: string): { team: string; points: number } {
  const number = Number(id);
  return { team: `team-${number % 3}`, points: number / 4 };
}

/** Answers lookups as the test says: the status for an id and how often it was asked for. */
function serve(answer: (id: string, time: number) => Promise<number> | number) {
  const asked = new Map<string, number>();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => undefined },
    async ({ url }) => {
      const id = new URL(url).pathname.replace("/people/", "");
      const time = (asked.get(id) ?? 0) + 1;
      asked.set(id, time);
      const status = await answer(id, time);
      return Response.json(status === 200 ? person(id) : null, { status });
    },
  );
  return { asked, port: server.addr.port, stop: () => server.shutdown() };
}

async function produce(world: PathWorld, topic: string, port: number): Promise<void> {
  await world.createTopic(topic, PARTITIONS);
  const records = Array.from({ length: EVENTS }, (_, i) => ({
    key: null,
    value: JSON.stringify({ id: String(i), port, at: timeOf(i) }),
    partition: i % PARTITIONS,
  }));
  await world.send(topic, records);
}

function timeOf(i: number): number {
  return BASE_MS + Math.floor(i / PARTITIONS) * STEP_MS;
}

/** Rows as `start team`, with their values. */
function shown(rows: readonly ResultRow[]): Record<string, unknown> {
  return Object.fromEntries(rows.map(({ window, key, events, values }) => [
    `${window.start} ${key["team"]}`,
    [events, values["events"], values["points"]],
  ]));
}

/** The rows of some ids, added up one by one: quarters are exact. */
function expected(ids: readonly number[]): Record<string, unknown> {
  const rows: Record<string, [number, number, number]> = {};
  for (const id of ids) {
    const start = new Date(Math.floor(timeOf(id) / 10_000) * 10_000).toISOString();
    const { team, points } = person(String(id));
    const row = rows[`${start} ${team}`] ??= [0, 0, 0];
    row[0] += 1;
    row[1] += 1;
    row[2] += points;
  }
  return rows;
}

const ALL = Array.from({ length: EVENTS }, (_, i) => i);

pathTest(
  "a lookup that is down is waited for, and one that is slow is not taken for dead",
  async (world) => {
    assert.ok(SLOW_MS < TRY_MS);
    let down = true;
    const slow = "100";
    const service = serve(async (id) => {
      if (down) return 503;
      if (id === slow) await new Promise((resolve) => setTimeout(resolve, SLOW_MS));
      return 200;
    });
    try {
      const pipeline = await world.pipeline({ definition: "enriched" });
      await produce(world, pipeline.plan.topic, service.port);
      const run = await world.start(pipeline);
      await world.phase("down", async () => {
        // Each partition's first record has been tried in several attempts of its slice, and waits.
        await until(
          "some failed attempts",
          () => ["0", "1"].every((id) => (service.asked.get(id) ?? 0) >= 6) ? true : undefined,
        );
        // People are told what it waits for, and since when.
        const { partitions } = await run.untilView(
          "what each waits for",
          (view) => view.partitions.every(({ trouble }) => trouble !== null),
        );
        assert.deepEqual(partitions.map(({ cursor }) => cursor), [0, 0]);
        for (const { partition, trouble, stop } of partitions) {
          assert.equal(stop, null);
          assert.equal(trouble?.code, "TG_ENRICH_FAILED");
          const where = `Cannot enrich the event at partition ${partition}, offset 0: `;
          assert.ok(trouble.message.startsWith(where), trouble.message);
          assert.match(trouble.message, /answered 503/);
        }
      });
      down = false;
      const account = await world.phase("up again", () => run.untilDrained());
      assert.ok(account.ok, account.problems.join("\n"));
      const { read, aggregated, invalid } = account.events;
      assert.deepEqual([read, aggregated, invalid], [EVENTS, EVENTS, 0]);
      assert.deepEqual(shown(await resultsOf(pipeline)), expected(ALL));
      assert.equal(service.asked.get(slow), 1);
      await run.control.stop();
    } finally {
      await service.stop();
    }
  },
);

pathTest("events that a lookup refuses are invalid, and the account holds", async (world) => {
  // Some are refused for good, some the first time only.
  const isRefused = (id: string | number) => String(id).endsWith("7");
  const service = serve((id, time) =>
    isRefused(id) ? 404 : id.endsWith("3") && time === 1 ? 503 : 200
  );
  try {
    const pipeline = await world.pipeline({ definition: "enrichedOrInvalid", shards: 2 });
    const { topic, invalidTopic } = pipeline.plan;
    await produce(world, topic, service.port);
    const run = await world.start(pipeline);
    const account = await run.untilDrained();
    assert.ok(account.ok, account.problems.join("\n"));
    const refused = ALL.filter(isRefused);
    assert.deepEqual([account.events.read, account.events.invalid], [EVENTS, refused.length]);
    assert.deepEqual(
      shown(await resultsOf(pipeline)),
      expected(ALL.filter((id) => !isRefused(id))),
    );
    const side = await sideRecords(world.reader, invalidTopic);
    const offsets = refused.map((id) =>
      `${topic}/${id % PARTITIONS}/${Math.floor(id / PARTITIONS)}`
    );
    assert.deepEqual([...side.keys()].sort(), offsets.sort());
    for (const { kind, reason, message, value } of side.values()) {
      assert.deepEqual([kind, reason], ["invalid", "enrich"]);
      assert.equal(message, `${JSON.parse(value ?? "").id}: answered 404`);
    }
    await run.control.stop();
  } finally {
    await service.stop();
  }
});
