import assert from "node:assert/strict";
import { saysPortTaken } from "../../devstack/logs.ts";
import { defaultCacheDir } from "../../devstack/machine.ts";

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

Deno.test("defaultCacheDir: own variable, XDG, home", () => {
  const dir = (env: Record<string, string>) => defaultCacheDir((name) => env[name]);
  const all = { TIDEGATE_CACHE: "/t", XDG_CACHE_HOME: "/x", HOME: "/h" };
  assert.equal(dir(all), "/t");
  assert.equal(dir({ XDG_CACHE_HOME: "/x", HOME: "/h" }), "/x/tidegate");
  assert.equal(dir({ HOME: "/h" }), "/h/.cache/tidegate");
});
