import assert from "node:assert/strict";
import { createKubernetesLauncher } from "../../../adapters/launchers/kubernetes.ts";
import type { Launcher } from "../../../adapters/launchers/launcher.ts";
import { TidegateError } from "../../../core/errors.ts";
import { FakeCluster } from "../kafka/fake_cluster.ts";

/** A launcher at a fake cluster; the test decides when a pause ends. */
class Trial {
  readonly cluster = new FakeCluster("shop", "tidegate-worker");
  readonly said: string[] = [];
  readonly pauses: number[] = [];
  token = this.cluster.token;
  launcher: Launcher | undefined;
  #goOn: () => void = () => undefined;
  #paused = Promise.withResolvers<void>();

  async open(deployment = "tidegate-worker"): Promise<Launcher> {
    const { cluster } = this;
    return this.launcher = await createKubernetesLauncher({
      access: {
        server: "https://10.0.0.1:443",
        namespace: "shop",
        token: () => Promise.resolve(this.token),
        fetch: (url, init) => cluster.answer(new Request(url, init)),
      },
      deployment,
      say: (line) => this.said.push(line),
      pause: (ms, signal) =>
        new Promise((resolve) => {
          this.pauses.push(ms);
          this.#goOn = resolve;
          signal.addEventListener("abort", () => resolve());
          this.#paused.resolve();
          this.#paused = Promise.withResolvers();
        }),
    });
  }

  /** Waits for the next pause. */
  async untilPause(): Promise<number> {
    await this.#paused.promise;
    return this.pauses.at(-1) ?? NaN;
  }

  /** Ends a pause and waits for the next one. */
  async step(): Promise<number> {
    const next = this.untilPause();
    this.#goOn();
    return await next;
  }

  /** Wants workers and waits for what comes of it. */
  async want(count: number): Promise<number> {
    const next = this.untilPause();
    this.launcher?.want(count);
    return await next;
  }

  /** The calls since the last look. */
  calls(): string[] {
    const path = "/apis/apps/v1/namespaces/shop/deployments/tidegate-worker";
    return this.cluster.seen.splice(0).map(({ call }) => call.replace(path, ""));
  }
}

async function trial(work: (trial: Trial, launcher: Launcher) => Promise<void>): Promise<void> {
  const it = new Trial();
  const launcher = await it.open();
  await it.untilPause();
  it.calls();
  it.pauses.length = 0;
  await work(it, launcher);
  await launcher.stop();
}

const states = (launcher: Launcher) => launcher.slots.map(({ state }) => state).join(" ");

Deno.test("kubernetes: asks at the start whether it may scale, and changes nothing", async () => {
  const it = new Trial();
  it.cluster.change({ wanted: 2, pods: 2, ready: 2 });
  const launcher = await it.open();
  assert.equal(launcher.desired, 2);
  assert.deepEqual(it.calls(), ["GET ", "PATCH /scale?dryRun=All"]);
  assert.equal(it.cluster.wanted, 2);
  await launcher.stop();
});

Deno.test("kubernetes: scales by /scale with the version it has read; tells starting and ready", () =>
  trial(async (it, launcher) => {
    assert.equal(await it.want(3), 1_000);
    assert.equal(it.cluster.seen.at(-1)?.body.includes('"resourceVersion":"100"'), true);
    assert.deepEqual(it.calls(), ["GET ", "PATCH /scale"]);
    assert.equal(states(launcher), "starting starting starting");
    it.cluster.change({ pods: 3, ready: 1 });
    await it.step();
    assert.equal(states(launcher), "ready starting starting");
    assert.equal(launcher.times.startupMs, null);
    it.cluster.change({ ready: 3 });
    assert.equal(await it.step(), 10_000);
    assert.equal(states(launcher), "ready ready ready");
    assert.ok(launcher.times.startupMs !== null);
    await it.want(1);
    assert.equal(states(launcher), "ready draining draining");
    it.cluster.change({ pods: 1, ready: 1 });
    assert.equal(await it.step(), 10_000);
    assert.equal(states(launcher), "ready");
    assert.deepEqual(it.said, []);
  }));

Deno.test("kubernetes: 409 for a stale version: reads again and tries at once", () =>
  trial(async (it) => {
    let changes = 2;
    it.cluster.afterRead = () => {
      if (changes-- > 0) it.cluster.change({});
    };
    await it.want(2);
    assert.deepEqual(it.calls(), [
      "GET ",
      "PATCH /scale",
      "GET ",
      "PATCH /scale",
      "GET ",
      "PATCH /scale",
    ]);
    assert.equal(it.cluster.wanted, 2);
    assert.deepEqual(it.said, []);
  }));

Deno.test("kubernetes: a Deployment that changes all the time is left for a moment", () =>
  trial(async (it) => {
    it.cluster.afterRead = () => it.cluster.change({});
    const pause = await it.want(2);
    assert.equal(it.calls().length, 10);
    assert.ok(pause >= 500 && pause <= 1_000);
    assert.match(it.said.join(), /has changed meanwhile/);
    it.cluster.afterRead = () => undefined;
    await it.step();
    assert.equal(it.cluster.wanted, 2);
    assert.match(it.said.at(-1) ?? "", /is scaled again/);
  }));

Deno.test("kubernetes: 429 and 503: as late as Retry-After says, else doubling", () =>
  trial(async (it) => {
    it.cluster.failures.push({ status: 429, headers: { "retry-after": "7" } });
    assert.equal(await it.want(1), 7_000);
    const ceilings = [2_000, 4_000, 8_000, 16_000, 30_000, 30_000];
    for (const ceiling of ceilings) {
      it.cluster.failures.push({ status: 503 });
      const pause = await it.step();
      assert.ok(pause >= ceiling / 2 && pause <= ceiling, `${pause} of ${ceiling}`);
    }
    assert.equal(it.said.length, 2, "told once each");
    await it.step();
    assert.equal(it.cluster.wanted, 1);
    it.cluster.failures.push({
      status: 429,
      headers: { "retry-after": new Date(Date.now() + 20_000).toUTCString() },
    });
    const dated = await it.want(2);
    assert.ok(dated > 15_000 && dated <= 20_000);
  }));

Deno.test("kubernetes: 403 names the right that is missing", async () => {
  for (
    const [right, text] of [
      ["get deployments", "the verb get on deployments of the API group apps in namespace shop"],
      ["patch deployments/scale", "the verb patch on deployments/scale of the API group apps"],
    ] as const
  ) {
    const it = new Trial();
    it.cluster.rights.delete(right);
    await assert.rejects(it.open(), (error) => {
      assert.ok(error instanceof TidegateError);
      assert.equal(error.code, "TG_CONFIG");
      assert.equal(error.retryable, false);
      assert.ok(error.message.includes(text), error.message);
      return true;
    });
  }
});

Deno.test("kubernetes: 404 names the Deployment and the namespace", async () => {
  await assert.rejects(new Trial().open("workers"), {
    code: "TG_CONFIG",
    message: /there is no Deployment workers in namespace shop/,
  });
});

Deno.test("kubernetes: rights taken away later are told once, and it goes on when they are back", () =>
  trial(async (it, launcher) => {
    it.cluster.rights.delete("patch deployments/scale");
    assert.equal(await it.want(2), 30_000);
    await it.step();
    assert.equal(it.said.length, 1);
    assert.match(launcher.slots[0]?.problem ?? "", /must have the verb patch/);
    it.cluster.rights.add("patch deployments/scale");
    await it.step();
    assert.equal(it.cluster.wanted, 2);
    assert.equal(launcher.slots[0]?.problem, null);
  }));

Deno.test("kubernetes: an API server that is away at the start may come back", async () => {
  const it = new Trial();
  it.cluster.failures.push({ status: 500 });
  await assert.rejects(it.open(), { code: "TG_KUBERNETES", retryable: true });
});

Deno.test("kubernetes: the token is read anew, as the cluster changes it", () =>
  trial(async (it) => {
    it.cluster.token = "second-token";
    assert.equal(await it.want(1), 30_000);
    assert.match(it.said.join(), /does not accept the token/);
    it.token = "second-token";
    await it.step();
    assert.equal(it.cluster.wanted, 1);
  }));

Deno.test("kubernetes: another writer is set back and told of", () =>
  trial(async (it) => {
    await it.want(2);
    it.cluster.change({ wanted: 5 });
    await it.step();
    assert.equal(it.cluster.wanted, 2);
    assert.match(it.said.join(), /scaled Deployment tidegate-worker to 5, and it is set back to 2/);
  }));

Deno.test("kubernetes: after stop it leaves the pods and does nothing", async () => {
  const it = new Trial();
  const launcher = await it.open();
  await it.untilPause();
  await it.want(2);
  await launcher.stop();
  it.calls();
  launcher.want(4);
  assert.equal(launcher.replace(0), false);
  assert.equal(launcher.desired, 2);
  assert.deepEqual(it.calls(), []);
  assert.equal(it.cluster.wanted, 2);
});

Deno.test("kubernetes: no number of workers but whole ones", () =>
  trial((_, launcher) => {
    for (const wrong of [-1, 1.5, NaN]) assert.throws(() => launcher.want(wrong), RangeError);
    return Promise.resolve();
  }));
