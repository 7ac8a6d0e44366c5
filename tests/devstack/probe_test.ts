import assert from "node:assert/strict";
import { readServerVersion } from "../../devstack/probe.ts";

Deno.test("readServerVersion: field 1 of GetSystemInfoResponse", () => {
  const version = new TextEncoder().encode("1.29.1");
  assert.equal(readServerVersion(new Uint8Array([0x0a, 6, ...version, 0x12, 0])), "1.29.1");
  assert.equal(readServerVersion(new Uint8Array([0x12, 0])), "unknown");
  assert.equal(readServerVersion(new Uint8Array([])), "unknown");
});
