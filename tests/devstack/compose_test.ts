import assert from "node:assert/strict";
import {
  askCompose,
  COMPOSE_BROKER,
  COMPOSE_TEMPORAL,
  COMPOSE_UI,
  findEndpoint,
  parseContainers,
  parsePublishedPorts,
} from "../../devstack/compose.ts";
import { FakeMachine } from "./_fake_machine.ts";

const ports = (text: string) =>
  Object.fromEntries([...parsePublishedPorts(text)].map(([k, { host, port }]) => [
    k,
    `${host} ${port}`,
  ]));

Deno.test("parsePublishedPorts: only what is published, wildcards as this machine", () => {
  assert.deepEqual(ports("127.0.0.1:19092->19092/tcp, 9644/tcp"), { 19092: "127.0.0.1 19092" });
  assert.deepEqual(ports("0.0.0.0:8080->8233/tcp, [::]:8080->8233/tcp"), {
    8233: "127.0.0.1 8080",
  });
  assert.deepEqual(ports(":::7233->7233/tcp"), { 7233: "127.0.0.1 7233" });
  assert.deepEqual(ports("[::1]:1->2/tcp, 10.0.0.5:3->4/tcp"), { 2: "::1 1", 4: "10.0.0.5 3" });
  assert.deepEqual(ports("127.0.0.1:7000-7001->9092-9093/tcp"), {
    9092: "127.0.0.1 7000",
    9093: "127.0.0.1 7001",
  });
  assert.deepEqual(ports("127.0.0.1:53->53/udp"), {});
  assert.deepEqual(ports("127.0.0.1:9-1->9-1/tcp, 127.0.0.1:1-60000->1-60000/tcp"), {});
  assert.deepEqual(ports(""), {});
  assert.deepEqual(ports("nonsense, ->, :->/tcp"), {});
});

// As Docker 27 prints them (some fields left out).
const REDPANDA =
  `{"Image":"docker.redpanda.com/redpandadata/redpanda:v26.2.5","Labels":"com.docker.compose.depends_on=a:service_started:false,b:service_healthy:true,com.docker.compose.service=redpanda,com.docker.compose.project=tidegate","Ports":"127.0.0.1:19092-\\u003e19092/tcp, 127.0.0.1:9644-\\u003e9644/tcp","State":"running"}`;
const TEMPORAL =
  `{"Image":"temporalio/temporal:1.8.2@sha256:0a1b","Labels":"com.docker.compose.service=temporal","Ports":"127.0.0.1:17233->7233/tcp, 127.0.0.1:18233->8233/tcp","State":"running"}`;

Deno.test("parseContainers: service, tag and ports", () => {
  const containers = parseContainers(`${REDPANDA}\n${TEMPORAL}\n`);
  assert.deepEqual(containers.map(({ service, tag }) => [service, tag]), [
    ["redpanda", "v26.2.5"],
    ["temporal", "1.8.2"],
  ]);
  assert.deepEqual(findEndpoint(containers, COMPOSE_BROKER), {
    address: "127.0.0.1:19092",
    tag: "v26.2.5",
  });
  assert.equal(findEndpoint(containers, COMPOSE_TEMPORAL)?.address, "127.0.0.1:17233");
  assert.equal(findEndpoint(containers, COMPOSE_UI)?.address, "127.0.0.1:18233");
});

Deno.test("parseContainers: stopped containers and other shapes are left out", () => {
  const exited = TEMPORAL.replace("running", "exited");
  const unlabelled = `{"Labels":"a=b","Ports":"","State":"running"}`;
  // An engine from before `--format json` prints the word itself; Podman prints an array.
  const text = ["json", "[]", "null", "7", "{", `{"Labels":{},"Ports":[]}`, exited, unlabelled];
  assert.deepEqual(parseContainers(text.join("\n")), []);
});

Deno.test("parseContainers: an image without a tag", () => {
  const image = (name: string) =>
    parseContainers(TEMPORAL.replace("temporalio/temporal:1.8.2@sha256:0a1b", name))[0]?.tag;
  assert.equal(image("temporal"), "unknown");
  assert.equal(image("localhost:5000/temporal"), "unknown");
  assert.equal(image("localhost:5000/temporal:2"), "2");
});

Deno.test("findEndpoint: nothing where the port is not published", () => {
  const containers = parseContainers(REDPANDA.replace(/"Ports":"[^"]*"/, `"Ports":"9092/tcp"`));
  assert.equal(containers.length, 1);
  assert.equal(findEndpoint(containers, COMPOSE_BROKER), null);
});

Deno.test("askCompose: no docker, a failing docker, a docker that answers", async () => {
  assert.deepEqual(await askCompose(new FakeMachine({})), { engine: false, containers: [] });
  const dead = new FakeMachine({ docker: { code: 1, stderr: "Cannot connect" } });
  assert.deepEqual(await askCompose(dead), { engine: false, containers: [] });
  const empty = new FakeMachine({ docker: { stdout: "" } });
  const there = () => Promise.resolve(true);
  const none = () => Promise.resolve(false);
  assert.deepEqual(await askCompose(empty, there), { engine: true, containers: [] });
  assert.deepEqual(await askCompose(empty, none), { engine: false, containers: [] });
  const live = new FakeMachine({ docker: { stdout: REDPANDA } });
  assert.deepEqual((await askCompose(live, none)).containers.map((one) => one.service), [
    "redpanda",
  ]);
  assert.deepEqual(live.ran, [
    "docker ps --filter label=com.docker.compose.project=tidegate --format json",
  ]);
});
