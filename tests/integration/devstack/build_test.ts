import assert from "node:assert/strict";
import { join } from "node:path";
import { ensureBuilt, type Recipe } from "../../../devstack/build.ts";
import { inScratch, MAY_RUN } from "./_scratch.ts";

/** A recipe whose builder is a shell script with the folder to build into as `$1`. */
function recipe(script: string, check: () => string | null = () => null): Recipe {
  return {
    ...{ title: "Thing 1.0", folder: "thing-1.0", takes: "no time", megabytes: 1 },
    files: { "plan.txt": "a plan" },
    command: (into) => ({ program: "sh", args: ["-c", script, "sh", into], env: {} }),
    progress: () => "",
    check: () => Promise.resolve(check()),
  };
}

const names = (dir: string) => [...Deno.readDirSync(dir)].map((entry) => entry.name).sort();

Deno.test({
  name: "ensureBuilt: builds once, whoever asks, and says so",
  ignore: !MAY_RUN,
  fn: () =>
    inScratch(async (dir) => {
      const cacheDir = join(dir, "deep", "cache");
      const said: string[] = [];
      const context = { cacheDir, say: (line: string) => said.push(line) };
      const counting = recipe('cat "$1/plan.txt" > "$1/done"; echo built >> "$1/../count"');
      const folders = await Promise.all([1, 2, 3].map(() => ensureBuilt(counting, context)));
      const target = join(cacheDir, "thing-1.0");
      assert.deepEqual(folders, [target, target, target]);
      assert.equal(await Deno.readTextFile(join(target, "done")), "a plan");
      assert.equal(await Deno.readTextFile(join(cacheDir, "count")), "built\n");
      assert.equal(
        said.find((line) => line.startsWith("building")),
        `building Thing 1.0 (about no time the first time, 1 MB, once; into ${target})`,
      );
      assert.equal(said.filter((line) => /^built Thing 1\.0 in \d+ s$/.test(line)).length, 1);
    }),
});

Deno.test({
  name: "ensureBuilt: a builder that fails leaves nothing that passes for built",
  ignore: !MAY_RUN,
  fn: () =>
    inScratch(async (cacheDir) => {
      const context = { cacheDir, say: () => {} };
      const failing = recipe('touch "$1/half"; echo working; echo "no network" >&2; exit 4');
      await assert.rejects(ensureBuilt(failing, context), (error: unknown) => {
        assert.ok(error instanceof Error);
        assert.match(error.message, /^Cannot build Thing 1\.0: sh ended with exit code 4\n/);
        assert.match(error.message, /no network/);
        assert.equal("code" in error && error.code, "TG_BUILD_FAILED");
        return true;
      });
      assert.deepEqual(names(cacheDir), ["thing-1.0.lock", "thing-1.0.log"]);
      const log = await Deno.readTextFile(join(cacheDir, "thing-1.0.log"));
      assert.match(log, /working/);
      const incomplete = recipe("exit 0", () => "a part is missing");
      await assert.rejects(ensureBuilt(incomplete, context), /a part is missing/);
      assert.deepEqual(names(cacheDir), ["thing-1.0.lock", "thing-1.0.log"]);
    }),
});

Deno.test({
  name: "ensureBuilt: what an interrupted builder has left is cleared away",
  ignore: !MAY_RUN,
  fn: () =>
    inScratch(async (cacheDir) => {
      await Deno.mkdir(join(cacheDir, "thing-1.0.tmp-4711", "libs"), { recursive: true });
      await ensureBuilt(recipe("exit 0"), { cacheDir, say: () => {} });
      assert.deepEqual(names(cacheDir), ["thing-1.0", "thing-1.0.lock", "thing-1.0.log"]);
    }),
});
