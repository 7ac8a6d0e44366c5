import assert from "node:assert/strict";
import denoJson from "../../deno.json" with { type: "json" };
import {
  IMAGE_LOCK,
  IMAGE_MANIFEST,
  imageManifest,
  imageSources,
} from "../../scripts/image_manifest.ts";
import { ROOMS, ROOT_ROOM } from "../../scripts/lint/rooms.ts";

const ROOT = new URL("../../", import.meta.url);
const UNREADABLE = Deno.permissions.querySync({ name: "read", path: ROOT }).state !== "granted";
const read = (path: string) => Deno.readTextFileSync(new URL(path, ROOT));

/** The image's lock. */
function imageLock(): { npm: object; workspace: { dependencies: string[] } } {
  return JSON.parse(read(IMAGE_LOCK));
}

/** The packages of the project's lock. */
const projectLock = (): object => JSON.parse(read("deno.lock")).npm;

/** The names of packages of a lock, without versions. */
const names = (npm: object) =>
  new Set(Object.keys(npm).map((key) => key.slice(0, key.indexOf("@", 1))));

Deno.test({
  name: "image: its manifest is that of the code (else: deno task manifest)",
  ignore: UNREADABLE,
  fn: () => assert.equal(read(IMAGE_MANIFEST), imageManifest(imageSources())),
});

Deno.test({
  name: "image: its lock holds what its manifest wants, as the project's lock has it",
  ignore: UNREADABLE,
  fn() {
    const { imports } = JSON.parse(read(IMAGE_MANIFEST));
    assert.deepEqual(imageLock().workspace.dependencies, Object.values(imports).sort());
    const ours = new Map<string, unknown>(Object.entries(projectLock()));
    for (const [key, entry] of Object.entries(imageLock().npm)) {
      assert.deepEqual(entry, ours.get(key), `${IMAGE_LOCK}: ${key}`);
    }
  },
});

Deno.test({
  name: "image: no test tools, and nothing that has not been looked at",
  ignore: UNREADABLE,
  fn: testsAreLeftOut,
});

function testsAreLeftOut(): void {
  const inImage = names(imageLock().npm);
  const leftOut = [...names(projectLock())].filter((name) => !inImage.has(name));
  assert.deepEqual(leftOut.sort(), ["fast-check", "pure-rand"]);
  // A package that Tidegate names itself is there for a reason of docs/architecture.md.
  assert.deepEqual(
    imageLock().workspace.dependencies.map((one) => one.replace(/^npm:(.+)@.*$/, "$1")).sort(),
    Object.keys(denoJson.imports)
      .filter((name) => !["@temporalio/proto", "fast-check", "protobufjs"].includes(name)).sort(),
  );
  for (const tool of ["typescript", "eslint", "mocha", "jest", "@temporalio/testing"]) {
    assert.ok(!inImage.has(tool), tool);
  }
}

Deno.test({
  name: "image: .dockerignore lets in every room but tests and scripts, and nothing else",
  ignore: UNREADABLE,
  fn() {
    const allowed = read(".dockerignore").split("\n").filter((line) => line.startsWith("!"))
      .map((line) => line.slice(1));
    const rooms = Object.keys(ROOMS)
      .filter((room) => !["tests", "scripts", ROOT_ROOM].includes(room));
    assert.deepEqual(allowed.sort(), [...rooms, "*.ts", "deploy/image"].sort());
    assert.ok(read(".dockerignore").includes("\n*\n"));
  },
});
