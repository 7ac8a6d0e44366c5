import assert from "node:assert/strict";
import {
  compareVersions,
  defaultCacheDir,
  findJava,
  readGoVersion,
  readJavaMajor,
  readKafkaVersion,
  readTemporalServerVersion,
  toolsMissing,
  until,
} from "../../devstack/machine.ts";
import { FakeMachine } from "./_fake_machine.ts";

Deno.test("defaultCacheDir: own variable, XDG, home", () => {
  const dir = (env: Record<string, string>) => defaultCacheDir((name) => env[name]);
  const all = { TIDEGATE_CACHE: "/t", XDG_CACHE_HOME: "/x", HOME: "/h" };
  assert.equal(dir(all), "/t");
  assert.equal(dir({ XDG_CACHE_HOME: "/x", HOME: "/h" }), "/x/tidegate");
  assert.equal(dir({ HOME: "/h" }), "/h/.cache/tidegate");
});

Deno.test("compareVersions: by numbers, not by letters", () => {
  assert.ok(compareVersions("1.9", "1.21") < 0);
  assert.ok(compareVersions("1.29.1", "1.29") > 0);
  assert.equal(compareVersions("1.29.0", "1.29"), 0);
  assert.equal(compareVersions("v3.3", "3.3"), 0);
  assert.ok(compareVersions("4.1.0", "3.3") > 0);
});

Deno.test("versions as the programs print them", () => {
  assert.equal(readGoVersion("go version go1.26.8 linux/amd64\n"), "1.26.8");
  assert.equal(readGoVersion("go version devel"), null);
  assert.equal(readJavaMajor('openjdk version "17.0.15" 2025-04-15'), 17);
  assert.equal(readJavaMajor('java version "1.8.0_402"'), 8);
  assert.equal(readJavaMajor('openjdk version "25" 2025-09-16'), 25);
  assert.equal(readJavaMajor("The operation couldn't be completed."), null);
  const temporal = "temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)\n";
  assert.equal(readTemporalServerVersion(temporal), "1.29.1");
  assert.equal(readTemporalServerVersion("tctl version 1.18.1"), null);
  assert.equal(readKafkaVersion("Picked up JAVA_TOOL_OPTIONS: -Xmx1g\n4.1.0\n"), "4.1.0");
  assert.equal(readKafkaVersion("3.9.1 (Commit:f745dfdcee2b9851)\n"), "3.9.1");
  assert.equal(readKafkaVersion("ERROR no java"), null);
});

Deno.test("findJava: JAVA_HOME comes before the PATH", async () => {
  const java = (major: number) => ({ stderr: `openjdk version "${major}.0.1" 2025-01-01` });
  const programs = { "/jdk/bin/java": java(21), java: java(17) };
  assert.deepEqual(await findJava(new FakeMachine(programs, { JAVA_HOME: "/jdk" })), {
    program: "/jdk/bin/java",
    major: 21,
  });
  assert.deepEqual(await findJava(new FakeMachine(programs)), { program: "java", major: 17 });
  assert.equal((await findJava(new FakeMachine(programs, { JAVA_HOME: "/gone" })))?.major, 17);
  // macOS without a JDK: the program is there and fails.
  assert.equal(await findJava(new FakeMachine({ java: { code: 1 } })), null);
});

Deno.test("toolsMissing: everything at once, each install sentence once", () => {
  const install = "Install it.";
  const error = toolsMissing([
    { tool: "Java 17 or later", found: "Java 11", purpose: "run Kafka", install },
    { tool: "Go 1.21 or later", found: null, purpose: "build Temporal", install },
  ], false);
  assert.equal(error.code, "TG_TOOL_MISSING");
  assert.equal(
    error.message,
    "Cannot start the local servers: this machine must have " +
      "Java 17 or later (to run Kafka; found Java 11), Go 1.21 or later (to build Temporal)",
  );
  assert.equal(
    error.next,
    "Install it. Or use servers that are running elsewhere: set KAFKA_BROKERS and " +
      "TEMPORAL_ADDRESS.",
  );
});

Deno.test("toolsMissing: with Docker, compose is the way out", () => {
  const install = "Install Go.";
  const error = toolsMissing([{ tool: "Go", found: null, purpose: "build", install }], true);
  assert.match(error.next, /^Install Go\. Or, .*`docker compose up -d --wait`\.$/);
});

Deno.test("until: true as soon as the test is, one try at a time", async () => {
  let tries = 0;
  let running = 0;
  const test = async () => {
    assert.equal(++running, 1);
    await Promise.resolve();
    running--;
    return ++tries === 3;
  };
  assert.equal(await until(test, { timeoutMs: 10_000, everyMs: 1 }), true);
  assert.equal(tries, 3);
});

Deno.test("until: false at the end of the time, after at least one try", async () => {
  let tries = 0;
  const never = () => {
    tries++;
    return Promise.resolve(false);
  };
  assert.equal(await until(never, { timeoutMs: 0, everyMs: 1 }), false);
  assert.equal(tries, 1);
});

Deno.test("until: a signal ends the waiting in the middle of a pause", async () => {
  const end = new AbortController();
  const waiting = until(() => {
    queueMicrotask(() => end.abort());
    return Promise.resolve(false);
  }, { timeoutMs: 600_000, everyMs: 600_000, signal: end.signal });
  assert.equal(await waiting, false);
});
