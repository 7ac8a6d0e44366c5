import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { type TgCode, TidegateError } from "../../core/errors.ts";

const here = new URL(".", import.meta.url);
const canRead = Deno.permissions.querySync({ name: "read", path: fileURLToPath(here) }).state;
const ignore = canRead !== "granted";

async function refusal(file: string, withinMs?: number): Promise<[TgCode, string]> {
  const { loadPipeline } = await import("../../definition/load.ts");
  const error = await loadPipeline(file, withinMs).then(() => null, (error: unknown) => error);
  assert.ok(error instanceof TidegateError, String(error));
  assert.notEqual(error.next, "");
  return [error.code, error.message];
}

Deno.test({
  name: "loadPipeline: a path or a URL of a definition",
  ignore,
  async fn() {
    const { loadPipeline } = await import("../../definition/load.ts");
    const url = new URL("../../pipelines/sensor_minutes.ts", here);
    assert.equal((await loadPipeline(url.href)).plan.pipeline, "sensor_minutes");
    assert.equal((await loadPipeline(fileURLToPath(url))).plan.pipeline, "sensor_minutes");
    const relative = await loadPipeline("pipelines/cs_student_logs.ts");
    assert.equal(relative.plan.pipeline, "cs_student_logs");
  },
});

Deno.test({
  name: "loadPipeline: files that are missing, broken, or define nothing",
  ignore,
  async fn() {
    const file = (name: string) => fileURLToPath(new URL(`definitions/${name}`, here));
    assert.deepEqual(await refusal("nowhere/at_all.ts"), [
      "TG_INPUT",
      `Cannot load the pipeline: there is no file "${Deno.cwd()}/nowhere/at_all.ts"`,
    ]);
    const cases: [string, RegExp][] = [
      ["no_default.ts", /no_default\.ts": its default export must be a pipeline, there is none$/],
      ["not_a_pipeline.ts", /must be a pipeline, got object$/],
      ["throws.ts", /throws\.ts": no luck today$/],
      ["wrong.ts", /^Cannot define the pipeline "wrong":\n {2}shards must be/],
    ];
    for (const [name, message] of cases) {
      const [code, text] = await refusal(file(name));
      assert.equal(code, "TG_DEFINITION");
      assert.match(text, message);
    }
  },
});

Deno.test({
  name: "loadPipeline: a file that does not finish loading is given up",
  ignore,
  async fn() {
    const url = new URL("definitions/slow.ts", here);
    const [code, text] = await refusal(fileURLToPath(url), 20);
    assert.equal(code, "TG_DEFINITION");
    assert.match(text, /slow\.ts": it has not finished loading after 20 ms$/);
    await import(url.href);
  },
});
