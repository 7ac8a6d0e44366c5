import assert from "node:assert/strict";
import { LOCALHOST } from "../../../devstack/ports.ts";
import { probeBroker, probeTemporal, temporalServes } from "../../../devstack/probe.ts";
import { MAY_RUN } from "./_scratch.ts";

/** What the probes say of a port, with 300 ms for each. */
async function probe(port: number) {
  const [address, within] = [`${LOCALHOST}:${port}`, 300];
  const from = performance.now();
  const said = await Promise.all([
    probeBroker({ host: LOCALHOST, port }, within),
    probeTemporal(address, within),
    temporalServes(address, within),
  ]);
  return { said, ms: performance.now() - from };
}

Deno.test({
  name: "probes: nobody, somebody silent and another protocol are no servers, within the time",
  ignore: !MAY_RUN,
  async fn() {
    // The clients' libraries are loaded before the time is taken.
    const free = Deno.listen({ hostname: LOCALHOST, port: 0 });
    const { port } = free.addr;
    free.close();
    assert.deepEqual((await probe(port)).said, [null, null, false], "nobody");

    using silent = Deno.listen({ hostname: LOCALHOST, port: 0 });
    const { said, ms } = await probe(silent.addr.port);
    assert.deepEqual(said, [null, null, false], "silent");
    assert.ok(ms < 3_000, `took ${ms} ms`);

    await using page = Deno.serve(
      { hostname: LOCALHOST, port: 0, onListen: () => {} },
      () => new Response("a page"),
    );
    assert.deepEqual((await probe(page.addr.port)).said, [null, null, false], "a page");
  },
});
