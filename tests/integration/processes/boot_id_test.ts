import assert from "node:assert/strict";
import { hostname } from "node:os";
import { lifeOf } from "../../../core/flow/lease.ts";
import { bootId } from "../../../processes/boot_id.ts";

const granted = (["read", "run", "sys"] as const)
  .every((name) => Deno.permissions.querySync({ name }).state === "granted");

const PROGRAM = `import { bootId } from "${new URL(
  "../../../processes/boot_id.ts",
  import.meta.url,
)}";
console.log(JSON.stringify({ pid: Deno.pid, bootId: await bootId() }));`;

/** Asks in another process, started by a command that may put it elsewhere. */
async function elsewhere(command: string, ...args: string[]) {
  const run = [Deno.execPath(), "run", "--quiet", "--allow-run", "--allow-sys", "-"];
  const [program = "", ...rest] = command === "" ? run : [command, ...args, ...run];
  const child = new Deno.Command(program, {
    ...{ args: rest, stdin: "piped", stdout: "piped", stderr: "piped" },
  }).spawn();
  const output = child.output();
  await new Blob([PROGRAM]).stream().pipeTo(child.stdin);
  const { stdout, stderr } = await output;
  const text = new TextDecoder().decode(stdout);
  assert.notEqual(text, "", new TextDecoder().decode(stderr));
  return JSON.parse(text) as { pid: number; bootId: string };
}

/** Whether this machine lets us make a container's kind of process numbers. */
async function canUnshare(): Promise<boolean> {
  if (!granted || Deno.build.os !== "linux") return false;
  const unshare = new Deno.Command("unshare", {
    args: ["--pid", "--fork", "--mount-proc", "true"],
  });
  return await unshare.output().then(({ success }) => success, () => false);
}

Deno.test({
  name: "boot id: the same in every process of this machine",
  ignore: !granted,
  async fn() {
    const here = await bootId();
    assert.equal((await elsewhere("")).bootId, here);
    if (Deno.build.os === "linux") assert.match(here, /^[0-9a-f-]{36} pid:\[\d+\]$/);
    else assert.notEqual(here, "");
  },
});

Deno.test({
  name: "boot id: another where process numbers are others, as in a container",
  ignore: !(await canUnshare()),
  async fn() {
    const here = { host: hostname(), pid: Deno.pid, id: "a", bootId: await bootId() };
    const inside = await elsewhere("unshare", "--pid", "--fork", "--mount-proc");
    assert.notEqual(inside.bootId, here.bootId);
    assert.equal(inside.bootId.split(" ")[0], here.bootId.split(" ")[0], "it is the same boot");
    assert.equal(lifeOf({ host: here.host, id: "b", ...inside }, here), "unknown");
  },
});
