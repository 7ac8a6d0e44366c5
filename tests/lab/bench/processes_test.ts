import assert from "node:assert/strict";
import { parseMachineTime, parseStat, treeOf } from "../../../lab/bench/processes.ts";

/** pid (name) state ppid …; utime 14, stime 15, cutime 16, cstime 17, rss 24. */
function line(pid: number, parent: number, ticks: readonly number[], pages = 0): string {
  const [user = 0, system = 0, childUser = 0, childSystem = 0] = ticks;
  const before = Array.from({ length: 9 }, () => "0").join(" ");
  const between = Array.from({ length: 6 }, () => "0").join(" ");
  return `${pid} (a (b) c) S ${parent} ${before} ` +
    `${user} ${system} ${childUser} ${childSystem} ${between} ${pages} 0`;
}

Deno.test("a process counts its own time and that of its children that have ended", () => {
  const stat = parseStat(line(7, 3, [100, 50, 20, 5], 256));
  assert.deepEqual(stat, { pid: 7, parent: 3, cpuSeconds: 1.75, rssMiB: 1 });
  assert.equal(parseStat(""), null);
  assert.equal(parseStat("cat: /proc/9/stat: No such file"), null);
});

Deno.test("a tree is a process with all below it, and nobody else", () => {
  const all = [
    line(1, 0, [900]),
    line(7, 1, [100]),
    line(8, 7, [200]),
    line(9, 8, [300]),
    line(10, 1, [500]),
  ].flatMap((text) => parseStat(text) ?? []);
  const tree = treeOf(all, 7);
  assert.equal(tree?.cpuSeconds, 6);
  assert.deepEqual(tree?.below.map(({ pid }) => pid), [8, 9]);
  assert.equal(treeOf(all, 11), null);
});

Deno.test("waiting for a disk is no work", () => {
  const text = "cpu  10 1 5 80 4 0 1 2 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n";
  assert.deepEqual(parseMachineTime(text), { busy: 19, total: 103 });
});
