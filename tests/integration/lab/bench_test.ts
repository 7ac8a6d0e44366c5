/**
 * The benchmark measures what it says: each engine, started as it is for a measurement, makes of a
 * small backlog exactly the rows that the records come to.
 */

import assert from "node:assert/strict";
import { KAFKA, NO_SERVERS, TEMPORAL } from "../_support/servers.ts";

const has = (program: string, argument: string) => {
  try {
    return new Deno.Command(program, { args: [argument] }).outputSync().success;
  } catch {
    return false;
  }
};

const NO_FLINK = NO_SERVERS || !has("mvn", "--version") || !has("java", "-version");
if (!NO_SERVERS && NO_FLINK) console.error("The test of Flink is ignored: no Java or Maven.");

const SPEC = { events: 20_000, partitions: 3, stepMs: 2 };
const QUIET = { idleShare: 1, load: 0 };

/** A context on the servers for tests, which this process has not started. */
async function contextIn(folder: string) {
  const [{ createKafkaAdmin }, { createKafkaReader }, { createKafkaWriter }, { loadConfig }] =
    await Promise.all([
      import("../../../adapters/kafka/admin.ts"),
      import("../../../adapters/kafka/reader.ts"),
      import("../../../adapters/kafka/writer.ts"),
      import("../../../cli/config.ts"),
    ]);
  const clients = {
    admin: createKafkaAdmin(KAFKA),
    reader: createKafkaReader(KAFKA),
    writer: createKafkaWriter(KAFKA),
  };
  const server = { version: "", pid: null, source: "given", startedByUs: false } as const;
  const context = {
    ...clients,
    stack: {
      broker: { ...server, product: "Kafka", address: KAFKA.brokers[0] ?? "" } as const,
      temporal: { ...server, product: "Temporal", address: TEMPORAL.address } as const,
      webUi: null,
    },
    kafka: KAFKA,
    temporal: TEMPORAL,
    metrics: null,
    folder,
    cacheDir: loadConfig(Deno.env.toObject()).cacheDir,
    pairs: 1,
    seconds: 10,
    quiet: () => Promise.resolve(QUIET),
    say: (line: string) => console.error(line),
  };
  const close = () => Promise.all(Object.values(clients).map((client) => client.close()));
  return { context, close };
}

Deno.test({
  name: "bench: Tidegate's rows of a backlog are what the records come to, and its account holds",
  ignore: NO_SERVERS,
  async fn() {
    const { runBacklogs } = await import("../../../lab/bench/backlog.ts");
    const { oursWith } = await import("../../../lab/bench/ours.ts");
    const folder = await Deno.makeTempDir({ prefix: "tidegate-bench-" });
    const { context, close } = await contextIn(folder);
    try {
      const spec = { ...SPEC, name: `test-${crypto.randomUUID().slice(0, 8)}` };
      const [[run] = []] = await runBacklogs(context, [{ spec, engine: oursWith(context, 1) }]);
      assert.deepEqual([run?.rowsDiffer, run?.holds], [0, true]);
      assert.ok((run?.cpuSeconds.worker ?? 0) > 0, "the worker's CPU time is seen");
    } finally {
      await close();
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test({
  name: "bench: Flink's rows of a backlog are what the records come to, by course and by student",
  ignore: NO_FLINK,
  async fn() {
    const { runBacklogs } = await import("../../../lab/bench/backlog.ts");
    const { buildFlinkJob } = await import("../../../lab/bench/peers/flink/build.ts");
    const { flinkWith } = await import("../../../lab/bench/peers/flink/job.ts");
    const folder = await Deno.makeTempDir({ prefix: "tidegate-bench-" });
    const { context, close } = await contextIn(folder);
    try {
      const job = await buildFlinkJob(context.cacheDir, context.say);
      const name = () => `test-${crypto.randomUUID().slice(0, 8)}`;
      const bounded = flinkWith(context, job, { bounded: true });
      const streaming = flinkWith(context, job, { gc: "Parallel", parallelism: 2 });
      const runs = await runBacklogs(context, [
        { spec: { ...SPEC, name: name() }, engine: bounded },
        { spec: { ...SPEC, name: name(), key: "student_id" }, engine: streaming },
      ]);
      assert.deepEqual(runs.flat().map(({ rowsDiffer }) => rowsDiffer), [0, 0]);
    } finally {
      await close();
      await Deno.remove(folder, { recursive: true });
    }
  },
});
