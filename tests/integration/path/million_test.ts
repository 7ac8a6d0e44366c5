/**
 * A million events, three times over the same topic: whatever the number of workers, and whatever
 * dies, the results are the same, bit for bit, and those of the oracle.
 */

import assert from "node:assert/strict";
import { generateRecords } from "../../../producer/generate.ts";
import { checkAgainstOracle, expectedOf } from "../_support/oracle.ts";
import { pathTest, type PathWorld } from "../_support/path_tests.ts";
import type { Run } from "../_support/run.ts";
import { testVariable } from "../_support/servers.ts";
import { until } from "../_support/until.ts";
import { killHolder, sweepAttempts } from "../_support/workers.ts";

/** Fewer for a quick look. */
const EVENTS = Number(testVariable("TIDEGATE_TEST_EVENTS") ?? 1_000_000);
const PARTITIONS = 4;
/** Sweeps so short that there are many, however fast the machine is. */
const SLICE_MS = EVENTS / 20_000;

/** A course that a run takes. */
interface Course {
  readonly title: string;
  readonly workers: number;
  /** What happens on the way. */
  readonly meanwhile: (world: PathWorld, run: Run) => Promise<void>;
}

const COURSES: readonly Course[] = [
  {
    title: "1 worker, killed while it holds a sweep",
    workers: 1,
    async meanwhile(world, run) {
      const dead = await killHolder(world.client, run);
      await run.untilRead(EVENTS);
      await assertFoldedAgain(world, run, dead);
    },
  },
  {
    title: "2 workers, 4 others from half way on",
    workers: 2,
    async meanwhile(world, run) {
      await run.untilRead(EVENTS / 2);
      await run.control.workers(0);
      await until("no worker", async () => {
        const slots = await run.control.slots();
        return slots.every((slot) => slot.state === "absent") ? true : undefined;
      });
      const before = new Set(
        (await sweepAttempts(world.client, run)).attempts.map((a) => a.identity),
      );
      assert.ok(before.size > 0 && before.size <= 2);
      await run.control.workers(4);
      await run.untilRead(EVENTS);
      const after = new Set(
        (await sweepAttempts(world.client, run)).attempts.map((a) => a.identity),
      );
      assert.ok(after.size > before.size, "the later workers folded nothing");
    },
  },
  {
    title: "4 workers, one killed, 1 from half way on",
    workers: 4,
    async meanwhile(world, run) {
      const dead = await killHolder(world.client, run);
      await run.untilRead(EVENTS / 2);
      await run.control.workers(1);
      await run.untilRead(EVENTS);
      await assertFoldedAgain(world, run, dead);
    },
  },
];

/**
 * The sweep that died with its worker was begun by another one: in another attempt, or, where the
 * drain was told first that nobody is there, under another number.
 */
async function assertFoldedAgain(world: PathWorld, run: Run, dead: string): Promise<void> {
  const { lost, attempts } = await sweepAttempts(world.client, run);
  const repeated = attempts.filter(({ attempt }) => attempt > 1);
  assert.ok(repeated.length + lost > 0, "no sweep was begun again");
  assert.ok(repeated.every(({ identity }) => identity !== dead));
}

pathTest(
  `${EVENTS} events come to the same whatever the workers and the crashes`,
  async (world) => {
    const source = await world.pipeline();
    const { topic } = source.plan;
    await world.phase("produce", async () => {
      await world.createTopic(topic, PARTITIONS);
      const records = generateRecords(source, {
        seed: 20_260_122,
        rate: EVENTS / 1_000,
        count: EVENTS,
        fromMs: Date.parse("2020-01-01T00:00:00Z"),
        partitions: PARTITIONS,
        disorderMs: 61_000,
        lateShare: 0.001,
        invalidShare: 0.001,
        skewedShare: 0.0005,
        duplicateShare: 0.01,
      });
      assert.equal(await world.send(topic, records), EVENTS);
    });
    // It reads all the while the first run does.
    const asked = world.phase("ask the oracle", () => expectedOf(source));
    asked.catch(() => undefined);
    for (const course of COURSES) {
      const pipeline = await world.pipeline({ topic });
      await world.phase(course.title, async () => {
        const run = await world.start(pipeline, {
          workers: course.workers,
          sliceMs: SLICE_MS,
        });
        await course.meanwhile(world, run);
        const account = await run.untilDrained();
        const { generation } = run;
        const expected = await asked;
        await checkAgainstOracle(pipeline, { ...world, generation, account, expected });
        assert.equal(account.events.lateByFloor, 0);
        await run.control.stop();
      });
    }
    const { counts } = await asked;
    for (const kind of ["late", "invalid", "skewed"] as const) {
      assert.ok(counts[kind] > EVENTS / 10_000, `there must be ${kind} events`);
    }
  },
);
