import assert from "node:assert/strict";
import { settingNames } from "../../cli/config.ts";
import { parseProject } from "../../deploy/checks/compose/project.ts";
import { composeProblems, fixedPorts } from "../../deploy/checks/compose/rules.ts";

const CONTEXT = { commands: ["start", "setup", "produce"], settings: settingNames };

type Tree = { [key: string]: unknown };

const hardened = {
  restart: "unless-stopped",
  stop_grace_period: "10s",
  read_only: true,
  cap_drop: ["ALL"],
  security_opt: ["no-new-privileges:true"],
  deploy: { resources: { limits: { memory: "2147483648" } } },
  logging: { driver: "json-file", options: { "max-size": "10m", "max-file": "3" } },
};
const ours = { ...hardened, image: "tidegate:0.1.0", pull_policy: "never", user: "1993:1993" };
const port = (published: string, target: number) => ({
  host_ip: "127.0.0.1",
  published,
  target,
  protocol: "tcp",
});

/** The smallest project in which everything holds. */
const GOOD: { name: string; services: Record<string, Tree>; configs: Tree } = {
  name: "tidegate",
  configs: { redpanda: { name: "tidegate_redpanda", content: "x: 1\n" } },
  services: {
    redpanda: {
      ...hardened,
      cap_drop: [],
      read_only: false,
      image: "docker.redpanda.com/redpandadata/redpanda:v26.2.5",
      user: "101:101",
      command: [
        "redpanda",
        "start",
        "--memory=1G",
        "--advertise-kafka-addr=internal://redpanda:9092,external://127.0.0.1:19092",
      ],
      ports: [port("19092", 19092)],
      volumes: [{ type: "volume", source: "redpanda", target: "/var/lib/redpanda/data" }],
      configs: [{ source: "redpanda", target: "/etc/redpanda/.bootstrap.yaml" }],
      healthcheck: { test: ["CMD-SHELL", "rpk cluster health | grep -E 'Healthy' || exit 1"] },
    },
    temporal: {
      ...hardened,
      image: "temporalio/temporal:1.8.2",
      user: "1000:1000",
      command: [
        "server",
        "start-dev",
        "--dynamic-config-value=history.transferProcessorMaxPollRPS=2000",
        "--dynamic-config-value=history.timerProcessorMaxPollRPS=2000",
        '--dynamic-config-value=history.timerProcessorMaxTimeShift="50ms"',
        "--dynamic-config-value=matching.numTaskqueueReadPartitions=1",
        "--dynamic-config-value=matching.numTaskqueueWritePartitions=1",
        "--dynamic-config-value=system.enableActivityEagerExecution=true",
      ],
      ports: [port("17233", 7233), port("18233", 8233)],
      healthcheck: { test: ["CMD", "temporal", "operator", "cluster", "health"] },
    },
    setup: {
      ...ours,
      build: { context: "." },
      pull_policy: "build",
      restart: "no",
      command: ["setup"],
      depends_on: { redpanda: { condition: "service_healthy" } },
    },
    tidegate: {
      ...ours,
      command: null,
      environment: { KAFKA_BROKERS: "redpanda:9092" },
      ports: [port("8088", 8088)],
      healthcheck: { test: ["CMD", "/app/deploy/image/healthy", "8088"] },
      depends_on: {
        setup: { condition: "service_completed_successfully" },
        temporal: { condition: "service_healthy" },
      },
    },
  },
};

/** The problems after one change. */
function problems(change: (services: Record<string, Tree>, project: Tree) => void): string[] {
  const project = structuredClone(GOOD);
  change(project.services, project);
  return composeProblems(parseProject(JSON.stringify(project)), CONTEXT);
}

Deno.test("compose rules: a project in which everything holds", () => {
  assert.deepEqual(problems(() => undefined), []);
});

/** One change a rule, and what must be said of it. */
const CASES: readonly (readonly [string, RegExp, Parameters<typeof problems>[0]])[] = [
  ["a one-shot that nobody waits for", /^setup: ends by itself/, ({ tidegate }) => {
    Object.assign(tidegate ?? {}, { depends_on: {} });
  }],
  ["a one-shot that only a one-shot waits for", /^setup: ends by itself/, (services) => {
    Object.assign(services.tidegate ?? {}, { depends_on: {} });
    const depends_on = { setup: { condition: "service_completed_successfully" } };
    services.other = { ...services.setup, depends_on };
  }],
  ["waiting for what is not there", /^tidegate: waits for gone, which/, ({ tidegate }) => {
    Object.assign(tidegate?.depends_on ?? {}, { gone: { condition: "service_healthy" } });
  }],
  ["waiting for health without a check", /until temporal is healthy/, ({ temporal }) => {
    Object.assign(temporal ?? {}, { healthcheck: undefined });
  }],
  ["waiting for the end of what stays", /waits for the end of temporal/, ({ tidegate }) => {
    const temporal = { condition: "service_completed_successfully" };
    Object.assign(tidegate?.depends_on ?? {}, { temporal });
  }],
  ["waiting for a one-shot's start only", /waits for setup, which ends/, ({ tidegate }) => {
    Object.assign(tidegate?.depends_on ?? {}, { setup: { condition: "service_started" } });
  }],
  ["a moving tag", /^temporal: its image must be pinned/, ({ temporal }) => {
    Object.assign(temporal ?? {}, { image: "temporalio/temporal:latest" });
  }],
  ["no tag", /^temporal: its image must be pinned/, ({ temporal }) => {
    Object.assign(temporal ?? {}, { image: "temporalio/temporal" });
  }],
  ["no health check", /^tidegate: must have a health check/, ({ tidegate }) => {
    Object.assign(tidegate ?? {}, { healthcheck: undefined });
  }],
  ["a program that the image does not hold", /uses curl, which/, ({ tidegate }) => {
    Object.assign(tidegate ?? {}, { healthcheck: { test: ["CMD", "curl", "x"] } });
  }],
  ["such a program behind a pipe", /uses jq, which/, ({ redpanda }) => {
    Object.assign(redpanda ?? {}, { healthcheck: { test: ["CMD-SHELL", "rpk health | jq ."] } });
  }],
  ["a port on all addresses", /port 8088 must be published on 127.0.0.1/, ({ tidegate }) => {
    Object.assign(tidegate ?? {}, { ports: [{ published: "8088", target: 8088 }] });
  }],
  ["a port taken twice", /port 17233 is published by another/, ({ tidegate }) => {
    Object.assign(tidegate ?? {}, { ports: [port("17233", 8088)] });
  }],
  ["no limit of memory", /^setup: must have a limit of memory/, ({ setup }) => {
    Object.assign(setup ?? {}, { deploy: { resources: { limits: { cpus: 1 } } } });
  }],
  ["more cpus than a machine may have", /^setup: its limit of cpus must not be/, ({ setup }) => {
    Object.assign(setup ?? {}, { deploy: { resources: { limits: { cpus: 2, memory: "1000" } } } });
  }],
  ["no limit of a log", /^setup: must have a limit of its log/, ({ setup }) => {
    Object.assign(setup ?? {}, { logging: { driver: "json-file" } });
  }],
  ["a profile", /^setup: is in the profile demo/, ({ setup }) => {
    Object.assign(setup ?? {}, { profiles: ["demo"] });
  }],
  ["two services that build", /^setup: its image must be built by one service/, ({ tidegate }) => {
    Object.assign(tidegate ?? {}, { build: { context: "." }, pull_policy: "build" });
  }],
  ["an image of ours that is pulled", /^tidegate: it must take the image/, ({ tidegate }) => {
    Object.assign(tidegate ?? {}, { pull_policy: "missing" });
  }],
  ["an image of ours that gets old", /^setup: setup must build the image anew/, ({ setup }) => {
    Object.assign(setup ?? {}, { pull_policy: "never" });
  }],
  ["a text under a read-only root", /^redpanda: is given the text of redpanda/, ({ redpanda }) => {
    Object.assign(redpanda ?? {}, { read_only: true });
  }],
  ["a file of the checkout", /^redpanda: is given the file \/x\.sh/, (_, { configs }) => {
    Object.assign(configs ?? {}, { redpanda: { file: "/x.sh" } });
  }],
  ["a broker with more memory than its limit", /^redpanda: its limit of memory/, (services) => {
    Object.assign(services.redpanda ?? {}, {
      deploy: { resources: { limits: { cpus: 1, memory: "1073741824" } } },
    });
  }],
  ["root", /^temporal: its user must be a number/, ({ temporal }) => {
    Object.assign(temporal ?? {}, { user: "0:0" });
  }],
  ["a user by name", /^temporal: its user must be a number/, ({ temporal }) => {
    Object.assign(temporal ?? {}, { user: "temporal" });
  }],
  ["a root that can be written to", /^temporal: its root must be read-only/, ({ temporal }) => {
    Object.assign(temporal ?? {}, { read_only: false });
  }],
  ["capabilities", /^temporal: must drop all capabilities/, ({ temporal }) => {
    Object.assign(temporal ?? {}, { cap_drop: ["NET_RAW"] });
  }],
  ["new privileges", /^temporal: must set no-new-privileges/, ({ temporal }) => {
    Object.assign(temporal ?? {}, { security_opt: [] });
  }],
  ["no restart", /^temporal: its restart policy/, ({ temporal }) => {
    Object.assign(temporal ?? {}, { restart: "" });
  }],
  ["no time to stop", /^temporal: must say how long/, ({ temporal }) => {
    Object.assign(temporal ?? {}, { stop_grace_period: undefined });
  }],
  ["an anonymous volume", /^redpanda: what is mounted at/, ({ redpanda }) => {
    Object.assign(redpanda ?? {}, { volumes: [{ type: "volume", target: "/data" }] });
  }],
  ["a folder of the machine", /^redpanda: what is mounted at/, ({ redpanda }) => {
    Object.assign(redpanda ?? {}, { volumes: [{ type: "bind", source: "/x", target: "/y" }] });
  }],
  ["an unknown command", /^tidegate: there is no command begin/, ({ tidegate }) => {
    Object.assign(tidegate ?? {}, { command: ["begin"] });
  }],
  ["an unknown setting", /^tidegate: TIDEGATE_PROT is no setting/, ({ tidegate }) => {
    Object.assign(tidegate ?? {}, { environment: { TIDEGATE_PROT: "1" } });
  }],
  ["another name", /^the project must be named tidegate/, (_, project) => {
    Object.assign(project, { name: "compose" });
  }],
  ["a broker that hosts don't find", /must find the broker/, ({ redpanda }) => {
    Object.assign(redpanda ?? {}, { ports: [] });
  }],
  ["a Web UI that hosts don't find", /must find the Web UI/, ({ temporal }) => {
    Object.assign(temporal ?? {}, { ports: [port("17233", 7233)] });
  }],
  ["a broker that advertises another port", /redpanda must advertise/, ({ redpanda }) => {
    Object.assign(redpanda ?? {}, { ports: [port("29092", 19092)] });
  }],
  ["Temporal without its settings", /temporal must have history\.timer.*50ms/, ({ temporal }) => {
    Object.assign(temporal ?? {}, { command: ["server", "start-dev"] });
  }],
];

for (const [name, wanted, change] of CASES) {
  Deno.test(`compose rules: ${name}`, () => {
    const found = problems(change);
    assert.ok(found.some((problem) => wanted.test(problem)), found.join("\n"));
  });
}

Deno.test("compose rules: every published port can be set", () => {
  const ports = (...lines: string[]) => lines.map((line) => `      - "${line}"\n`).join("");
  const settable = "127.0.0.1:${TIDEGATE_PORT:-8088}:8088";
  assert.deepEqual(fixedPorts(ports(settable)), []);
  assert.match(fixedPorts(ports(settable, "127.0.0.1:18080:8080")).join("\n"), /^port 18080 must/);
  assert.match(fixedPorts(ports("127.0.0.1:${PORT}:8080")).join("\n"), /^port \$\{PORT\} must/);
});
