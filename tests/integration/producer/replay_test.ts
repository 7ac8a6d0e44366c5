import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { createFakeLog, type FakeLog } from "../../fake_log/fake_log.ts";
import { shardOf } from "../../../core/fold/cells.ts";
import { TidegateError } from "../../../core/errors.ts";
import students from "../../../pipelines/cs_student_logs.ts";
import { FakeClock } from "../../producer/_fake_clock.ts";

const file = fileURLToPath(new URL("own_data.jsonl", import.meta.url));
const canRead = Deno.permissions.querySync({ name: "read", path: file }).state === "granted";
const canWrite = (["read", "write"] as const)
  .every((name) => Deno.permissions.querySync({ name }).state === "granted");

const options = { file, pipeline: students, partitions: 4 };

async function load() {
  const { replay } = await import("../../../producer/replay.ts");
  const log = createFakeLog();
  await log.admin.createTopics([{ topic: students.plan.topic, partitions: 4 }]);
  return { replay, log };
}

/** The texts of all keys and values, by partition. */
async function stored(log: FakeLog): Promise<(readonly [string | null, string])[][]> {
  const text = (bytes: Uint8Array | null) => bytes && new TextDecoder("latin1").decode(bytes);
  const all = [0, 1, 2, 3].map(async (partition) => {
    const request = { topic: students.plan.topic, partition, from: 0 };
    const { records } = await log.reader.fetch(request);
    return records.map(({ key, value }) => [text(key), text(value) ?? ""] as const);
  });
  return await Promise.all(all);
}

Deno.test({
  name: "replay sends every line as it is, with the key that it names",
  ignore: !canRead,
  async fn() {
    const { replay, log } = await load();
    const result = await replay(options, log.writer);
    const records = (await stored(log)).flat();
    assert.deepEqual([result.sent, result.blank, result.bad], [7, 3, 3]);
    assert.equal(result.firstBad?.line, 7);
    assert.match(result.firstBad?.reason ?? "", /^no JSON: /);
    const counts = (await stored(log)).map((some) => some.length);
    assert.deepEqual(Object.values(result.perPartition), counts.filter((count) => count > 0));
    const keyed = records.filter(([key]) => key !== null);
    assert.deepEqual(new Set(keyed.map(([key]) => key)), new Set(["s-0001", "s-0002", "77"]));
    for (const [partition, some] of (await stored(log)).entries()) {
      for (const [key] of some) if (key !== null) assert.equal(shardOf(key, 4), partition);
    }
    // Blanks inside a line, line breaks of Windows, broken JSON, bytes that are no text: untouched.
    const values = records.map(([, value]) => value).sort();
    assert.deepEqual(
      values,
      [
        ' {"student_id": "s-0002",  "course":"CS-101"}',
        '"just a text"',
        '{"student_id":"s-0001","course":"CS-101"}',
        '{"student_id":77,"course":"CS-315"}',
        '{"student_id":null}',
        "{broken",
        "\xff\xfe",
      ].sort(),
    );
  },
});

Deno.test({
  name: "replay keeps a rate, and stops when it is told to",
  ignore: !canRead,
  async fn() {
    const clock = new FakeClock(0);
    const { replay, log } = await load();
    const result = await replay({ ...options, rate: 2 }, log.writer, clock.hooks);
    assert.deepEqual([result.sent, result.seconds], [7, 3]);
    const stop = new AbortController();
    clock.at(4100, () => stop.abort());
    const hooks = { ...clock.hooks, signal: stop.signal };
    assert.equal((await replay({ ...options, rate: 2 }, log.writer, hooks)).sent, 3);
  },
});

Deno.test({
  name: "replay reads files larger than what is read at once",
  ignore: !canRead || !canWrite,
  async fn() {
    const { replay, log } = await load();
    const large = await Deno.makeTempFile();
    try {
      const line = (i: number) => `{"student_id":"s-${i}","note":"${"é".repeat(i % 500)}"}`;
      const lines = Array.from({ length: 3000 }, (_, i) => line(i));
      await Deno.writeTextFile(large, lines.join("\n"));
      const result = await replay({ ...options, file: large }, log.writer);
      assert.equal(result.sent, 3000);
      const all = [0, 1, 2, 3].map(async (partition) => {
        const topic = students.plan.topic;
        const { records } = await log.reader.fetch({ topic, partition, from: 0, maxBytes: 1e9 });
        return records.map(({ value }) => new TextDecoder().decode(value ?? undefined));
      });
      assert.deepEqual((await Promise.all(all)).flat().sort(), lines.sort());
    } finally {
      await Deno.remove(large);
    }
  },
});

Deno.test({
  name: "replay names a file that it can't read, and refuses a rate of nothing",
  ignore: !canRead,
  async fn() {
    const { replay, log } = await load();
    const missing = replay({ ...options, file: `${file}.gone` }, log.writer);
    await assert.rejects(missing, (error) => {
      assert.ok(error instanceof TidegateError);
      assert.equal(error.code, "TG_INPUT");
      assert.match(error.message, /^Cannot replay ".*own_data\.jsonl\.gone": /);
      return true;
    });
    const usage = replay({ ...options, rate: 0 }, log.writer);
    await assert.rejects(
      usage,
      (error) => error instanceof TidegateError && error.code === "TG_USAGE",
    );
  },
});

/** Replays what a file holds; says how it went. */
async function replayed(content: Uint8Array | string) {
  const { replay, log } = await load();
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeFile(path, typeof content === "string" ? utf8(content) : content);
    const result = await replay({ ...options, file: path }, log.writer).then(
      (result) => ({ ...result, error: null }),
      (error: unknown) => ({ sent: 0, error }),
    );
    return { ...result, values: (await stored(log)).flat().map(([, value]) => value) };
  } finally {
    await Deno.remove(path);
  }
}

const utf8 = (text: string) => new TextEncoder().encode(text);

/** Text in UTF-16, little-endian unless `big`. */
function utf16(text: string, big = false): Uint8Array {
  const bytes = new Uint8Array(2 * text.length);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < text.length; i++) view.setUint16(2 * i, text.charCodeAt(i), !big);
  return bytes;
}

Deno.test({
  name: "replay strips a byte order mark from the first event only",
  ignore: !canRead || !canWrite,
  async fn() {
    const { values, error } = await replayed('\ufeff{"student_id":"a"}\n{"student_id":"b"}\n');
    assert.equal(error, null);
    assert.deepEqual(values.sort(), ['{"student_id":"a"}', '{"student_id":"b"}']);
  },
});

const EVENT = '{"student_id":"a"}\n';
for (
  const [what, content, message] of [
    ["UTF-16 with a mark", utf16(`\ufeff${EVENT}`), /must be UTF-8, got UTF-16$/],
    ["UTF-16, big-endian", utf16(EVENT, true), /must be UTF-8, got UTF-16$/],
    ["UTF-16 without a mark", utf16(EVENT), /must be UTF-8, got UTF-16$/],
    ["gzip", new Uint8Array([0x1f, 0x8b, 8, 0]), /must be UTF-8, got gzip$/],
    ["a JSON array", `[${EVENT.trim()}]`, /got a JSON array \(line 1: JSON, but no object\)$/],
    ["a JSON array in lines", `[\n  ${EVENT.trim()},\n  ${EVENT}]`, /got a JSON array \(line 1/],
    ["JSON over several lines", '{\n  "a": 1\n}\n', /got JSON over several lines \(line 1/],
    ["CSV", "\nstudent_id,course\na,CS-101\n", /got CSV \(line 2: no JSON/],
    ["CSV with semicolons", "student_id;course\na;CS-101\n", /got CSV \(line 1: no JSON/],
    ["prose", "Dear reader\n", /got other text \(line 1: no JSON/],
  ] as const
) {
  Deno.test({
    name: `replay refuses ${what} by name and sends nothing`,
    ignore: !canRead || !canWrite,
    async fn() {
      const { error, values } = await replayed(content);
      assert.ok(error instanceof TidegateError);
      assert.equal(error.code, "TG_INPUT");
      assert.match(error.message, message);
      assert.notEqual(error.next, "");
      assert.deepEqual(values, []);
    },
  });
}

Deno.test({
  name: "replay of an empty file, or of blank lines only, sends nothing",
  ignore: !canRead || !canWrite,
  async fn() {
    for (const content of ["", "\n \n"]) {
      const { sent, error } = await replayed(content);
      assert.deepEqual([sent, error], [0, null]);
    }
  },
});
