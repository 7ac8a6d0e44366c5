import assert from "node:assert/strict";

const ROOT = new URL("../../", import.meta.url);
const readable = Deno.permissions.querySync({ name: "read", path: ROOT }).state === "granted";

/** Every TypeScript file below a folder, relative to the root. */
function files(folder: string): string[] {
  return [...Deno.readDirSync(new URL(folder, ROOT))].flatMap((entry) => {
    if (entry.isDirectory) return files(`${folder}${entry.name}/`);
    return entry.name.endsWith(".ts") ? [folder + entry.name] : [];
  });
}

Deno.test({
  name: "lint: only workflows/time.ts passes over a rule in core/ and workflows/",
  ignore: !readable,
  fn() {
    const silenced = ["core/", "workflows/"].flatMap(files).filter((path) =>
      /deno-lint-ignore(?:-file)?\s*(?:$|--)|deno-lint-ignore[^\n]*tidegate\//m
        .test(Deno.readTextFileSync(new URL(path, ROOT)))
    );
    assert.deepEqual(silenced.filter((path) => path !== "workflows/time.ts"), []);
  },
});
