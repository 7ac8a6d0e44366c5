/**
 * Files that a shell or a container reads as they are must have LF ends wherever they are checked
 * out, also by a Git that is told to write CRLF.
 *
 * @module
 */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const isCheckout = Deno.permissions.querySync({ name: "read" }).state === "granted" &&
  await Deno.stat(`${ROOT}/.git`).then(() => true, () => false);

async function git(...args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("git", { args: [...args] }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

Deno.test({
  name: "scripts and deployment files are checked out with LF ends, whatever Git is told",
  ignore: !isCheckout,
  async fn() {
    const folder = await Deno.makeTempDir({ prefix: "tidegate-crlf-" });
    try {
      // Twice: with our attributes, and, to see that the test can fail, without them.
      assert.deepEqual(await withCrlf(folder, "with", []), []);
      const without = await withCrlf(folder, "without", ["info/attributes"]);
      assert.ok(without.includes(".ci/run"), "the check must find CRLF where nothing forbids it");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

/** Checks the tree out by a Git that writes CRLF; answers the files that must not have it. */
async function withCrlf(folder: string, name: string, override: readonly string[]) {
  const clone = `${folder}/${name}`;
  const settings = ["-c", "core.autocrlf=true", "-c", "core.eol=crlf"];
  await git(...settings, "clone", "--quiet", "--no-checkout", "--shared", ROOT, clone);
  for (const path of override) {
    await Deno.mkdir(`${clone}/.git/info`, { recursive: true });
    await Deno.writeTextFile(`${clone}/.git/${path}`, "* text eol=crlf\n");
  }
  await git(...settings, "-C", clone, "checkout", "--quiet", "HEAD", "--", ".");
  const files = (await git("-C", clone, "ls-files", "-z")).split("\0").filter(Boolean);
  const wrong: string[] = [];
  for (const path of files) {
    const text = new TextDecoder("latin1").decode(await Deno.readFile(`${clone}/${path}`));
    const mustBeLf = text.startsWith("#!") || /^deploy\/|^Dockerfile$|^docker-compose/.test(path);
    if (mustBeLf && text.includes("\r\n")) wrong.push(path);
  }
  return wrong;
}
