/**
 * A command on this machine finds the servers that Compose runs: with a `docker` that lists
 * containers, as Docker does, whose published ports are those of the servers for tests.
 */

import assert from "node:assert/strict";
import { KAFKA, NO_SERVERS, TEMPORAL } from "../_support/servers.ts";

const ROOT = new URL("../../../", import.meta.url);

/** A line of `docker ps --format json`. */
function container(service: string, image: string, address: string, port: number): string {
  return JSON.stringify({
    Image: image,
    Labels: `com.docker.compose.project=tidegate,com.docker.compose.service=${service}`,
    Ports: `${address}->${port}/tcp`,
    State: "running",
  });
}

Deno.test({
  name: "servers of Compose are found by their labels and used, and it is said",
  ignore: NO_SERVERS,
  async fn() {
    const folder = await Deno.makeTempDir({ prefix: "tidegate-docker-" });
    const broker = (KAFKA.brokers[0] ?? "").replace("localhost", "127.0.0.1");
    const temporal = TEMPORAL.address.replace("localhost", "127.0.0.1");
    const lines = [
      container("redpanda", "docker.redpanda.com/redpandadata/redpanda:v26.2.5", broker, 19092),
      container("temporal", "temporalio/temporal:1.8.2", temporal, 7233),
    ];
    await Deno.writeTextFile(`${folder}/docker`, `#!/bin/sh\ncat <<'E'\n${lines.join("\n")}\nE\n`);
    await Deno.chmod(`${folder}/docker`, 0o755);
    try {
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--quiet", "--no-check", "-A", "cli/main.ts", "stack", "up", "--json"],
        cwd: ROOT,
        env: {
          PATH: `${folder}:${Deno.env.get("PATH")}`,
          TIDEGATE_DATA_DIR: `${folder}/data`,
          KAFKA_BROKERS: "",
          TEMPORAL_ADDRESS: "",
        },
      }).output();
      assert.equal(code, 0, new TextDecoder().decode(stderr));
      assert.match(
        new TextDecoder().decode(stderr),
        new RegExp(`using Redpanda 26\\.2\\.5 of Docker Compose on ${broker}`),
      );
      const stack = JSON.parse(new TextDecoder().decode(stdout));
      const { address, product, version, source, startedByUs } = stack.broker;
      assert.deepEqual(
        { address, product, version, source, startedByUs },
        {
          address: broker,
          product: "Redpanda",
          version: "26.2.5",
          source: "compose",
          startedByUs: false,
        },
      );
      assert.equal(stack.temporal.address, temporal);
      assert.equal(stack.temporal.source, "compose");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
