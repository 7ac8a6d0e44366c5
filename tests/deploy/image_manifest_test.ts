import assert from "node:assert/strict";
import {
  IMAGE_LOCK,
  IMAGE_MANIFEST,
  imageManifest,
  imageSources,
} from "../../deploy/checks/image_manifest.ts";
import { ROOMS, ROOT_ROOM } from "../../scripts/lint/rooms.ts";

const ROOT = new URL("../../", import.meta.url);
const UNREADABLE = Deno.permissions.querySync({ name: "read", path: ROOT }).state !== "granted";
const read = (path: string) => Deno.readTextFileSync(new URL(path, ROOT));

/** What belongs to tests, by whatever way it would come. */
const TEST_TOOLS = [
  "@temporalio/testing",
  "axe-core",
  "eslint",
  "fast-check",
  "jest",
  "mocha",
  "playwright-core",
  "typescript",
];

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
  name: "image: no test tools",
  ignore: UNREADABLE,
  fn: testsAreLeftOut,
});

function testsAreLeftOut(): void {
  const inImage = names(imageLock().npm);
  // Without it the test below would find nothing because there is nothing.
  assert.ok(names(projectLock()).has("fast-check"));
  for (const tool of TEST_TOOLS) {
    assert.ok(!inImage.has(tool), tool);
  }
}

Deno.test({
  name: "image: .dockerignore lets in every room but deploy, tests and scripts, and nothing else",
  ignore: UNREADABLE,
  fn() {
    const allowed = read(".dockerignore").split("\n").filter((line) => line.startsWith("!"))
      .map((line) => line.slice(1));
    const rooms = new Set(Object.keys(ROOMS).map((room) => room.split("/")[0] ?? room));
    for (const left of ["deploy", "tests", "scripts", ROOT_ROOM]) rooms.delete(left);
    assert.deepEqual(allowed.sort(), [...rooms, "*.ts", "deploy/image"].sort());
    assert.ok(read(".dockerignore").includes("\n*\n"));
  },
});
