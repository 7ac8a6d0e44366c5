/**
 * The drain workflow on a real Temporal server: what the model of the flow can't see. Its rules are
 * tried in `tests/core/flow` and by the model.
 */

import assert from "node:assert/strict";
import { ApplicationFailure } from "@temporalio/common";
import { auditGeneration } from "../../../cli/audit.ts";
import { TidegateError } from "../../../core/errors.ts";
import { loadPipeline } from "../../../definition/load.ts";
import { until } from "../_support/until.ts";
import { event, T0 } from "./_events.ts";
import { GENERATION, workflowTest, type WorkflowWorld } from "./_world.ts";

const STILL = { delayMs: 1_000, idleAfterMs: 60_000 };

/** Asserts that the account holds: what the drain, the windows and the topics say. */
async function assertAccount(world: WorkflowWorld) {
  const { plan } = await loadPipeline(
    new URL("../../../pipelines/cs_student_logs.ts", import.meta.url).href,
  );
  const { drain, log: { reader } } = world;
  const audit = await auditGeneration({ drain, reader, generation: GENERATION }, {
    ...plan,
    ...world.plan,
  });
  assert.deepEqual([audit.problems, audit.unknown], [[], []]);
  return audit;
}

/** Ends a bounded run: closes all windows, and adds the account up. */
async function finish(world: WorkflowWorld) {
  await world.untilView("the end of the run", ({ drained }) => drained);
  await world.drain.flush();
  await world.untilView("the last window", ({ openWindows }) => openWindows === 0);
  return await assertAccount(world);
}

workflowTest(
  "a drain sweeps, settles and closes behind the watermark, and shows it",
  async (world) => {
    await world.control();
    await world.sweeper();
    await world.startDrain();
    await world.send(0, [event(T0, "a", 2), event(T0 + 12_000, "a", 3)]);
    await world.send(1, [event(T0 + 1_000, "a", 5), event(T0 + 11_500, "b", 7)]);
    assert.deepEqual(await world.result(T0), { pairs: 2, rows: 1, emissions: 1, end: "complete" });
    const view = await world.untilView("what is open", ({ closed, open }) => {
      return closed.windows === 1 && open[0]?.waiting === 0;
    });
    assert.deepEqual(
      (await world.rows()).map((
        { key, values, final },
      ) => [key["course"], values["total_loc"], final]),
      [["a", 7, true]],
    );
    assert.deepEqual([view.watermark, view.closed.pairs, view.open[0]?.pairs], [T0 + 10_500, 2, 2]);
    const details = await world.details(world.drainId);
    assert.deepEqual(details.split("\n"), [
      "**Watermark 2026-03-01T10:00:10.500Z**, held by partition 1; 1 sweeps out, 1 windows open, " +
      "1 closed",
      "",
      "| partition | state | cursor | lag | watermark | read | late | invalid |",
      "|---|---|---|---|---|---|---|---|",
      "| 1 | active | 2 | 0 | 2026-03-01T10:00:10.500Z | 2 | 0 | 0 |",
      "| 0 | active | 2 | 0 | 2026-03-01T10:00:11.000Z | 2 | 0 | 0 |",
      "",
      "| open window | events | calls | waiting events |",
      "|---|---|---|---|",
      "| 2026-03-01T10:00:10.000Z | 2 | 1 | 0 |",
    ]);
    const audit = await assertAccount(world);
    assert.deepEqual([audit.events.aggregated, audit.pairs.closed, audit.pairs.open], [4, 2, 2]);
    // The sinks say the same, at no call of the server.
    await until("the sink", () => world.told.views.at(-1)?.closed.windows === 1 || undefined);
    const { notes } = world.told;
    assert.equal(notes.reduce((sum, { records }) => sum + records, 0), 4);
    assert.ok(notes.every(({ worker }) => worker === `${world.plan.pipeline}-worker-1`));
  },
  { plan: STILL },
);

workflowTest("people see first what needs them, and who holds the watermark", async (world) => {
  await world.control();
  const message = "Cannot read <b>|x`";
  await world.sweeper({
    scripted: (real) => ({
      async sweep(request) {
        const result = await real.sweep(request);
        const failure = { code: "TG_OFFSET_GONE", message, offset: 2, passing: false };
        const partitions = result.partitions.map((p) =>
          p.partition === 3 && p.to === 2 ? { ...p, failure } : p
        );
        return { ...result, partitions };
      },
    }),
  });
  for (let partition = 0; partition < 25; partition++) {
    await world.send(partition, [event(T0 + 60_000 - partition * 1_000)]);
  }
  await world.send(3, [event(T0 + 90_000)]);
  await world.startDrain();
  await world.untilView("all is read", ({ partitions }) => {
    return partitions.every(({ cursor, mode }) => cursor > 0 && mode !== "active") ||
      partitions.every(({ cursor, partition }) => cursor === (partition === 3 ? 2 : 1));
  });
  const lines = (await world.details(world.drainId)).split("\n");
  const rows = lines.filter((line) => /^\| \d+ \| (?:active|TG)/.test(line));
  // The stopped one is told first, but it is the slowest by which all others are held.
  assert.match(
    lines[0] ?? "",
    /^\*\*Watermark 2026-03-01T10:00:35.000Z\*\*, held by partition 24; /,
  );
  assert.match(
    rows[0] ?? "",
    /^\| 3 \| TG&#95;OFFSET&#95;GONE since 20.*\| 2026-03-01T10:01:29.000Z \|/,
  );
  assert.deepEqual(rows.slice(1, 4).map((row) => row.split(" ")[1]), ["24", "23", "22"]);
  assert.equal(rows.length, 20);
  assert.ok(lines.includes("… and 5 more"));
  assert.ok(lines.includes("Partition 3: Cannot read &#60;b&#62;&#124;x&#96;"));
  assert.equal((await world.drain.exclude(3)).partitions[3]?.mode, "excluded");
  assert.doesNotMatch(await world.details(world.drainId), /TG&#95;/);
}, { plan: STILL, partitions: 25 });

workflowTest("an offset that is gone stops its partition until somebody chooses", async (world) => {
  const { drain } = world;
  await world.control();
  await world.sweeper();
  await world.send(0, [event(T0), event(T0 + 1_000), event(T0 + 2_000)]);
  await world.send(1, [event(T0)]);
  await world.log.admin.deleteRecords(world.plan.topic, 0, 2);
  await world.startDrain();
  const { partitions: [gone] } = await world.untilView("the stop", ({ partitions }) => {
    return partitions[0]?.mode === "stopped" && partitions[1]?.cursor === 1;
  });
  assert.equal(gone?.stop?.code, "TG_OFFSET_GONE");
  assert.match(gone?.stop?.message ?? "", /the offset must be in \[2, 3\], got 0/);
  for (const from of [-1, 0.5, Number.MAX_VALUE]) {
    await assert.rejects(drain.resume(0, from), {
      code: "TG_USAGE",
      message: new RegExp(`Cannot resume partition 0 from ${from}: must be at or after its cursor 0`
        .replace("+", "\\+")),
    });
  }
  await assert.rejects(drain.resume(1, 1), {
    code: "TG_USAGE",
    message: /Cannot resume partition 1: it is active/,
  });
  for (const ask of [() => drain.resume(2, 0), () => drain.exclude(2), () => drain.exclude(-1)]) {
    await assert.rejects(ask, {
      code: "TG_USAGE",
      message: /Cannot find partition -?\d: the topic has 2/,
    });
  }
  const resumed = (await drain.resume(0, 2)).partitions[0];
  assert.deepEqual([resumed?.mode, resumed?.stop, resumed?.cursor], ["active", null, 2]);
  const view = await world.untilView("the rest", ({ partitions }) => partitions[0]?.cursor === 3);
  assert.deepEqual([view.partitions[0]?.skippedOffsets, view.partitions[0]?.totals.read], [2, 1]);
  // Given up, it can be taken back.
  assert.equal((await drain.exclude(0)).partitions[0]?.mode, "excluded");
  assert.equal((await drain.resume(0, 3)).partitions[0]?.mode, "active");
}, { plan: STILL });

workflowTest(
  "a person's move strikes the sweep that holds the partition, and does not wait for it",
  async (world) => {
    const held = world.gate();
    await world.control();
    const scripted: Parameters<WorkflowWorld["sweeper"]>[0] = {
      scripted: (real) => ({
        async sweep(request) {
          const result = await real.sweep(request);
          if (request.n === 1) await held.pass();
          return result;
        },
      }),
    };
    await world.sweeper(scripted);
    await world.sweeper(scripted);
    await world.send(0, [event(T0)]);
    await world.send(1, [event(T0 + 1_000)]);
    await world.startDrain();
    await held.reached;
    const excluded = await world.drain.exclude(0);
    assert.equal(excluded.partitions[0]?.mode, "excluded");
    const view = await world.untilView(
      "the other",
      ({ partitions }) => partitions[1]?.cursor === 1,
    );
    held.open();
    assert.equal(view.partitions[0]?.totals.read, 0);
    await world.send(1, [event(T0 + 2_000)]);
    const later = await world.untilView("more", ({ partitions }) => partitions[1]?.cursor === 2);
    assert.equal(later.partitions[0]?.cursor, 0);
    await world.drain.bound([[1, 2]]);
    const { events } = await finish(world);
    assert.deepEqual([events.read, events.aggregated], [2, 2]);
  },
  { plan: STILL },
);

workflowTest("a sweep that nobody begins in time makes the control process look", async (world) => {
  await world.control();
  await world.startDrain();
  const [sweep] = (await world.untilView("a sweep", ({ sweeps }) => sweeps.length > 0)).sweeps;
  assert.equal(sweep?.at, "fleet");
  const view = await world.untilView("a look", ({ sweeps }) => sweeps[0]?.at === "control");
  assert.equal(view.slots, 0);
  await world.send(1, [event(T0)]);
  await until(
    "the word that a record waits",
    () => world.told.views.at(-1)?.partitions[1]?.waits || undefined,
  );
  assert.equal((await world.drain.view()).partitions[1]?.totals.read, 0);
  await world.sweeper();
  await world.drain.ready(1);
  await world.untilView("it is folded", ({ partitions }) => partitions[1]?.cursor === 1);
}, { plan: STILL });

workflowTest("other code folds nothing, until it is accepted", async (world) => {
  await world.control();
  const other = await world.sweeper({ hash: "newer" });
  await world.send(0, [event(T0)]);
  await world.startDrain();
  await world.untilView("the refusal", ({ slots }) => slots === 0);
  await other.stop();
  await world.sweeper();
  await world.drain.ready(1);
  await world.untilView("the old code folds", ({ partitions }) => partitions[0]?.cursor === 1);
  await world.drain.accept("newer");
  await world.sweeper({ hash: "newer" });
  // Both workers poll, and the old one refuses: the drain is told again, as by the control process.
  let sent = 1;
  await until("the new code folds", async () => {
    await world.drain.ready(1);
    await world.send(0, [event(T0 + ++sent)]);
    const byNewer = ({ worker, records }: { worker: string; records: number }) =>
      worker === `${world.plan.pipeline}-worker-3` && records > 0;
    return world.told.notes.some(byNewer) || undefined;
  }, { everyMs: 300 });
  const { refused } = await world.drain.view();
  assert.deepEqual([refused["code"], refused["shape"]], [0, 0]);
}, { plan: STILL });

workflowTest("a record that kills every sweep is found and set aside", async (world) => {
  await world.control();
  let tries = 0;
  await world.sweeper({
    scripted: (real) => ({
      async sweep(request) {
        const holds = request.partitions.some(({ partition, cursor, role }) =>
          partition === 0 && role === "fold" && cursor <= 1 &&
          cursor + (request.limits.records ?? Infinity) > 1
        );
        if (holds && !request.setAside) {
          tries += 1;
          throw new Error("out of memory");
        }
        return await real.sweep(request);
      },
    }),
  });
  await world.send(0, [event(T0), event(T0 + 1_000), event(T0 + 2_000)]);
  await world.send(1, [event(T0)]);
  await world.startDrain({ until: 1 });
  await world.drain.bound([[0, 3]]);
  const { events } = await finish(world);
  assert.deepEqual([events.read, events.failed, events.aggregated], [4, 1, 3]);
  assert.ok(tries >= 4, `${tries} tries`);
  const [side] = (await world.values(world.plan.invalidTopic)).map((text) => JSON.parse(text));
  assert.deepEqual([side.reason, side.partition, side.offset], ["failed", 0, 1]);
}, { plan: STILL });

workflowTest("partitions that the topic gains are read from their beginning", async (world) => {
  await world.control();
  await world.sweeper();
  await world.send(0, [event(T0)]);
  await world.send(1, [event(T0)]);
  await world.startDrain();
  await world.untilView("what is there", ({ partitions }) => {
    return partitions.every(({ cursor }) => cursor === 1);
  });
  await world.log.admin.addPartitions(world.plan.topic, 4);
  await world.send(3, [event(T0 + 1_000)]);
  const view = await world.untilView("the new ones", ({ partitions }) => {
    return partitions.length === 4 && partitions[3]?.cursor === 1;
  });
  assert.deepEqual(view.partitions.map(({ totals }) => totals.late), [0, 0, 0, 0]);
}, { plan: { ...STILL, delayMs: 200 } });

workflowTest("calls that could not be made are made again as they are", async (world) => {
  let failing = 3;
  const asked: string[] = [];
  await world.control({
    scripted: (real) => ({
      settle(request) {
        asked.push(JSON.stringify(request.calls));
        if (failing-- > 0) {
          // Once for good, so that the workflow sees it, and in passing.
          const message = "as the test wants it";
          throw failing === 1
            ? ApplicationFailure.nonRetryable(message, "TG_CONFIG")
            : new Error(message);
        }
        return real.settle(request);
      },
    }),
  });
  await world.sweeper();
  await world.send(0, [event(T0), event(T0 + 12_000)]);
  await world.startDrain({ deliverEveryMs: null });
  await world.untilView("the answer", ({ closed }) => closed.windows === 1);
  assert.equal((await world.result(T0)).pairs, 1);
  assert.equal(new Set(asked).size, 1);
  assert.equal(asked.length, 4);
  assert.equal((await world.rows()).length, 1);
}, { plan: STILL, partitions: 1 });

workflowTest(
  "rows that can't be written are tried again without their cells, and are the same",
  async (world) => {
    let failing = 3;
    const tried: string[] = [];
    const asked: boolean[] = [];
    await world.control({
      settling: ({ windows, rows }) => ({
        windows: {
          call(context, call) {
            asked.push(call.call.cells === null);
            return windows.call(context, call);
          },
        },
        rows: {
          async write(emission) {
            tried.push(JSON.stringify(emission.records));
            if (failing-- > 0) {
              throw new TidegateError("TG_BROKER_UNREACHABLE", "the test wants it");
            }
            return await rows.write(emission);
          },
        },
      }),
    });
    await world.sweeper();
    await world.send(0, [event(T0), event(T0 + 1_000, "b"), event(T0 + 12_000)]);
    await world.startDrain({ deliverEveryMs: null });
    await world.untilView("the trouble", ({ open }) => {
      return open.some(({ start, unwrittenSinceMs }) => start === T0 && unwrittenSinceMs !== null);
    });
    await world.untilView("the answer", ({ closed }) => closed.windows === 1);
    assert.deepEqual([tried.length, new Set(tried).size], [4, 1]);
    assert.deepEqual(asked, [false, true, true, true]);
    assert.equal((await world.rows()).length, 2);
  },
  { plan: STILL, partitions: 1 },
);
