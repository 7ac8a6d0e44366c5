import assert from "node:assert/strict";
import { identityFromProc, identityFromPs, saysPortTaken } from "../../devstack/launch.ts";

const BOOT = "bff2964c-6514-4370-a2a0-a06cbbe27131";

/** `proc(5)`'s stat line: pid, name, state, 18 more fields, start time, the rest. */
function stat(name: string, state: string, start: string): string {
  const between = Array.from({ length: 18 }, (_, i) => String(i + 4)).join(" ");
  return `4711 (${name}) ${state} ${between} ${start} 2323 99\n${BOOT}\n`;
}

Deno.test("identityFromProc: the start time and the boot", () => {
  assert.equal(identityFromProc(stat("java", "S", "275970")), `proc ${BOOT} 275970`);
});

Deno.test("identityFromProc: a name with spaces, parentheses and newlines shifts nothing", () => {
  const odd = stat("a) S 1 2 (b\n c)", "R", "8");
  assert.equal(identityFromProc(odd), `proc ${BOOT} 8`);
});

Deno.test("identityFromProc: a zombie is no process any more", () => {
  for (const state of ["Z", "X", "x"]) assert.equal(identityFromProc(stat("sh", state, "8")), null);
});

Deno.test("identityFromProc: other answers identify nothing", () => {
  for (
    const text of ["", "4711 sh S 1", `4711 (sh) S 1 2 3\n${BOOT}`, "1 (a) S 1\nnot-a-boot-id"]
  ) {
    assert.equal(identityFromProc(text), null);
  }
});

Deno.test("identityFromPs: the start time, none for zombies", () => {
  const started = "Sun Nov 22 18:46:11 2026";
  assert.equal(identityFromPs(`Ss   ${started}\n`), `ps ${started}`);
  assert.equal(identityFromPs(`Z+   ${started}\n`), null);
  assert.equal(identityFromPs(""), null);
});

Deno.test("saysPortTaken: as Kafka and Temporal say it", () => {
  for (
    const line of [
      "java.net.BindException: Address already in use",
      "Error: can't set frontend port 17233: listen tcp 127.0.0.1:17233: bind: address already in use",
    ]
  ) assert.equal(saysPortTaken(["first", line]), true, line);
  assert.equal(saysPortTaken(["Stored node id 7 doesn't match"]), false);
  assert.equal(saysPortTaken([]), false);
});
