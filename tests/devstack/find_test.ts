import assert from "node:assert/strict";
import { kafkaRecipe, temporalRecipe } from "../../devstack/build.ts";
import { parseContainers } from "../../devstack/compose.ts";
import {
  brokerFinders,
  type Finders,
  findFirst,
  type Search,
  temporalFinders,
} from "../../devstack/find.ts";
import {
  type Found,
  SERVER_SOURCES,
  type ServerSource,
  type StackOptions,
} from "../../devstack/types.ts";
import { FakeMachine } from "./_fake_machine.ts";

interface Wish extends Partial<StackOptions> {
  readonly docker?: string;
}

function search(machine: FakeMachine, { docker, ...options }: Wish = {}): Search & {
  readonly said: string[];
} {
  const said: string[] = [];
  return {
    said,
    options: {
      ...{ dataDir: "/p", brokerPort: 19092, temporalPort: 17233, uiPort: 18233 },
      say: (line) => said.push(line),
      ...options,
    },
    dataDir: "/p",
    cacheDir: "/c",
    machine,
    lastPorts: {},
    compose: () =>
      Promise.resolve({ engine: docker !== undefined, containers: parseContainers(docker ?? "") }),
  };
}

const JAVA = { stderr: 'openjdk version "17.0.15" 2025-04-15' };
const GO = { stdout: "go version go1.26.8 linux/amd64" };
const TEMPORAL = { stdout: "temporal version 1.6.0 (Server 1.30.2, UI 2.50.1)" };
const KAFKA = { stdout: "3.9.1 (Commit:f745)" };
const COMPOSED =
  `{"Labels":"com.docker.compose.service=redpanda","Image":"r:v26.2.5","Ports":"127.0.0.1:19092->19092/tcp","State":"running"}`;

const describe = (found: Found): string => {
  if (found.kind === "there") return `${found.server.source} ${found.server.address}`;
  if (found.kind === "missing") return `missing ${found.tools.map((one) => one.tool).join(", ")}`;
  const { source, product, version, mustBuild } = found.plan;
  return `${source} ${product} ${version}${mustBuild ? " to be built" : ""}`;
};
const broker = async (machine: FakeMachine, wish?: Wish) =>
  describe(await findFirst(brokerFinders, search(machine, wish)));
const temporal = async (machine: FakeMachine, wish?: Wish) =>
  describe(await findFirst(temporalFinders, search(machine, wish)));

Deno.test("findFirst: sources in their order, only the allowed ones, no further than needed", async () => {
  for (let first = 0; first < SERVER_SOURCES.length; first++) {
    const asked: ServerSource[] = [];
    const finder = (source: ServerSource) => () => {
      asked.push(source);
      const tools = [{ tool: source, found: null, purpose: "", install: "" }];
      const found = SERVER_SOURCES.indexOf(source) >= first;
      return Promise.resolve(found ? { kind: "missing" as const, tools } : null);
    };
    const finders: Finders = {
      built: finder("built"),
      path: finder("path"),
      compose: finder("compose"),
      given: finder("given"),
    };
    const found = await findFirst(finders, search(new FakeMachine({})));
    assert.equal(describe(found), `missing ${SERVER_SOURCES[first]}`);
    assert.deepEqual(asked, SERVER_SOURCES.slice(0, first + 1));
    asked.length = 0;
    const only = search(new FakeMachine({}), { sources: ["built", "path"] });
    await findFirst(finders, only);
    assert.ok(asked.every((source) => source === "path" || source === "built"));
  }
});

Deno.test("broker: a set address wins over everything, and nothing is run", async () => {
  const machine = new FakeMachine({ "kafka-server-start.sh": KAFKA, java: JAVA });
  const wish = { kafkaBrokers: "a:9092,b:9092", docker: COMPOSED };
  assert.equal(await broker(machine, wish), "given a:9092,b:9092");
  assert.deepEqual(machine.ran, []);
});

Deno.test("broker: compose's servers win over programs on the PATH", async () => {
  const machine = new FakeMachine({ "kafka-server-start.sh": KAFKA });
  assert.equal(await broker(machine, { docker: COMPOSED }), "compose 127.0.0.1:19092");
  assert.equal(await broker(machine, { docker: "" }), "path Kafka 3.9.1");
  const own: Wish = { docker: COMPOSED, sources: ["path", "built"] };
  assert.equal(await broker(machine, own), "path Kafka 3.9.1");
});

Deno.test("broker: KAFKA_HOME, then scripts with and without .sh", async () => {
  const home = { "/k/bin/kafka-server-start.sh": { stdout: "4.0.0" } };
  const script = { "kafka-server-start": KAFKA };
  const env = { KAFKA_HOME: "/k" };
  const all = new FakeMachine({ ...home, ...script }, env);
  assert.equal(await broker(all), "path Kafka 4.0.0");
  const noHome = new FakeMachine(script, env);
  assert.equal(await broker(noHome), "path Kafka 3.9.1");
});

Deno.test("broker: a Kafka that is too old or broken is passed over, aloud", async () => {
  const programs = { "kafka-server-start": KAFKA };
  const cases = [
    [{ stdout: "2.8.1 (Commit:x)" }, "2.8.1"],
    [{ code: 1, stderr: "java: not found\nmore" }, "java: not found"],
    [{ stdout: "" }, "no version"],
  ] as const;
  for (const [answer, got] of cases) {
    const machine = new FakeMachine({ "kafka-server-start.sh": answer, ...programs });
    const one = search(machine);
    assert.equal(describe(await findFirst(brokerFinders, one)), "path Kafka 3.9.1");
    assert.deepEqual(one.said, [
      `not using kafka-server-start.sh: must be Kafka 3.3 or later, got ${got}`,
    ]);
  }
});

Deno.test("broker: built needs Java to run, and Maven only where it is not built yet", async () => {
  const built = [`/c/${kafkaRecipe.folder}`];
  const maven = { mvn: { stdout: "Apache Maven 3.8.7" } };
  assert.equal(
    await broker(new FakeMachine({ java: JAVA, ...maven })),
    "built Kafka 4.1.0 to be built",
  );
  assert.equal(await broker(new FakeMachine({ java: JAVA }, {}, built)), "built Kafka 4.1.0");
  assert.equal(await broker(new FakeMachine({ java: JAVA })), "missing Maven");
  assert.equal(await broker(new FakeMachine({})), "missing Java 17 or later, Maven");
  const java11 = { stderr: 'openjdk version "11.0.2" 2019-01-15' };
  assert.equal(
    await broker(new FakeMachine({ java: java11, ...maven })),
    "missing Java 17 or later",
  );
  // Without Java, Maven is there but fails: only Java is missing.
  const mvn = { mvn: { code: 1, stderr: "JAVA_HOME not found" } };
  assert.equal(await broker(new FakeMachine(mvn)), "missing Java 17 or later");
});

Deno.test("temporal: the PATH's program if its server is new enough", async () => {
  assert.equal(await temporal(new FakeMachine({ temporal: TEMPORAL })), "path Temporal 1.30.2");
  const old = { stdout: "temporal version 1.0.0 (Server 1.24.2, UI 2.27.2)" };
  const one = search(new FakeMachine({ temporal: old, go: GO }));
  const found = describe(await findFirst(temporalFinders, one));
  assert.equal(found, "built Temporal 1.29.1 to be built");
  assert.deepEqual(one.said, [
    "not using temporal of the PATH: its server must be 1.29 or later, got server 1.24.2",
  ]);
});

Deno.test("temporal: built needs Go only where it is not built yet", async () => {
  const built = [`/c/${temporalRecipe.folder}`];
  assert.equal(await temporal(new FakeMachine({}, {}, built)), "built Temporal 1.29.1");
  assert.equal(await temporal(new FakeMachine({})), "missing Go 1.21 or later");
  const old = new FakeMachine({ go: { stdout: "go version go1.19.8 linux/amd64" } });
  const found = await findFirst(temporalFinders, search(old));
  assert.equal(found.kind === "missing" && found.tools[0]?.found, "Go 1.19.8");
});
