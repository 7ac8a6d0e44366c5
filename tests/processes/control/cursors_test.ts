import assert from "node:assert/strict";
import { tumbling } from "../../../core/event_time/windows.ts";
import { Drain, newDrain } from "../../../core/flow/drain.ts";
import { viewOf } from "../../../core/flow/view.ts";
import { CursorBook } from "../../../processes/control/cursors.ts";
import { createFakeLog } from "../../fake_log/fake_log.ts";

/** The view of a drain whose partitions are at some cursors. */
function viewAt(...cursors: readonly number[]) {
  const starts = cursors.map((cursor, partition) => ({ partition, cursor }));
  return viewOf(
    new Drain({
      ...{ generation: 1, topic: "t", topicId: null, windowing: tumbling(10_000), delayMs: 0 },
      ...{ latenessMs: 0, idleAfterMs: 1_000, maxDriftMs: 1e9, paceMs: 5_000, sliceMs: 1_000 },
      ...{ maxOpenWindows: 100, aggregates: [], deliverEveryMs: null, emitEveryMs: null },
    }, newDrain(starts, "code")),
  );
}

Deno.test("the group's offsets follow the cursors, and only those that moved are written", async () => {
  const log = createFakeLog();
  await log.admin.createTopics([{ topic: "t", partitions: 2 }]);
  const written: ReadonlyMap<number, number>[] = [];
  const commitOffsets: typeof log.admin.commitOffsets = async (group, topic, offsets, note) => {
    await log.admin.commitOffsets(group, topic, offsets, note);
    written.push(offsets);
  };
  const book = new CursorBook(Object.assign(Object.create(log.admin), { commitOffsets }), "g", "t");
  const committed = async () => [...await log.admin.committedOffsets("g", "t")].sort();
  await book.commit();
  assert.deepEqual(written, []);
  book.drained(viewAt(0, 0));
  book.drained(viewAt(3, 0));
  await book.commit();
  assert.deepEqual(await committed(), [[0, 3], [1, 0]]);
  await book.commit();
  book.drained(viewAt(3, 7));
  await book.commit();
  assert.deepEqual(written.slice(1), [new Map([[1, 7]])]);
  // What could not be written is written with the next one.
  book.drained(viewAt(5, 7));
  log.outage = true;
  await assert.rejects(book.commit(), { code: "TG_BROKER_UNREACHABLE" });
  log.outage = false;
  await book.commit();
  assert.deepEqual(await committed(), [[0, 5], [1, 7]]);
});

Deno.test("the generation stands beside the offsets, and the largest one is found", async () => {
  const log = createFakeLog();
  await log.admin.createTopics([{ topic: "t", partitions: 2 }]);
  const book = new CursorBook(log.admin, "g", "t");
  assert.equal(await book.lastGeneration(), 0);
  book.begin(4);
  book.drained(viewAt(3, 5));
  await book.commit();
  book.begin(5);
  book.drained(viewAt(3, 6));
  await book.commit();
  assert.equal(await new CursorBook(log.admin, "g", "t").lastGeneration(), 5);
  await log.admin.commitOffsets("g", "t", new Map([[0, 1], [1, 1]]), "by somebody else");
  assert.equal(await book.lastGeneration(), 0);
});
