import assert from "node:assert/strict";
import { join } from "node:path";
import { rotateLog, tailOfLog } from "../../../devstack/launch.ts";
import { thisMachine } from "../../../devstack/machine.ts";
import { choosePorts, isTaken } from "../../../devstack/ports.ts";
import {
  EMPTY_STATE,
  type ServerRecord,
  StateFile,
  withLock,
  withServer,
} from "../../../devstack/state.ts";
import { inScratch, MAY_RUN } from "./_scratch.ts";

const RECORD: ServerRecord = {
  pid: 1,
  identity: "proc x 1",
  address: "127.0.0.1:1",
  product: "Kafka",
  version: "4.1.0",
  source: "built",
  logFile: "/l",
  webUi: null,
  startedAt: "2026-11-22T00:00:00.000Z",
};

Deno.test({
  name: "withLock: one after the other; who waits is told by whom it is held",
  ignore: !MAY_RUN,
  fn: () =>
    inScratch(async (dir) => {
      const path = join(dir, "a.lock");
      const told: string[] = [];
      const allWait = Promise.withResolvers<void>();
      const onWait = (clause: string) => {
        told.push(clause);
        if (told.length === 2) allWait.resolve();
      };
      let inside = 0;
      const work = async (result: number) => {
        assert.equal(++inside, 1);
        await allWait.promise;
        inside--;
        return result;
      };
      const results = [1, 2, 3].map((n) => withLock(path, () => work(n), { onWait }));
      assert.deepEqual(await Promise.all(results), [1, 2, 3]);
      assert.match(told[0] ?? "", /^process (\d+|unknown) has it; waiting$/);
      await assert.rejects(withLock(path, () => Promise.reject(new Error("x")), { onWait }), /x/);
      assert.equal(await withLock(path, () => Promise.resolve("free"), { onWait }), "free");
    }),
});

Deno.test({
  name: "withLock: a holder that was killed holds nothing any more",
  ignore: !MAY_RUN,
  fn: () =>
    inScratch(async (dir) => {
      const path = join(dir, "a.lock");
      const module = new URL("../../../devstack/state.ts", import.meta.url).href;
      const script = `const { withLock } = await import(${JSON.stringify(module)});
        await withLock(${JSON.stringify(path)}, () => {
          console.log("held");
          return new Promise(() => setInterval(() => {}, 1000));
        }, { onWait: () => {} });`;
      const holder = new Deno.Command(Deno.execPath(), {
        args: ["eval", "--quiet", script],
        stdout: "piped",
        stderr: "inherit",
      }).spawn();
      const lines = holder.stdout.pipeThrough(new TextDecoderStream()).getReader();
      assert.equal((await lines.read()).value, "held\n");
      const told: string[] = [];
      const taken = withLock(path, () => Promise.resolve("mine"), {
        onWait: (clause) => {
          told.push(clause);
          holder.kill("SIGKILL");
        },
      });
      assert.equal(await taken, "mine");
      assert.deepEqual(told, [`process ${holder.pid} has it; waiting`]);
      await holder.status;
      await lines.cancel();
    }),
});

Deno.test({
  name: "StateFile: changes at the same time are all kept; a missing file is empty",
  ignore: !MAY_RUN,
  fn: () =>
    inScratch(async (dir) => {
      const file = new StateFile(join(dir, "stack.json"));
      assert.deepEqual(await file.load(), EMPTY_STATE);
      await Promise.all([
        file.change((state) => withServer(state, "broker", RECORD)),
        file.change((state) => withServer(state, "temporal", RECORD)),
        file.change((state) => ({ ...state, lastPorts: { broker: 1 } })),
      ]);
      const again = new StateFile(join(dir, "stack.json"));
      assert.deepEqual(await again.load(), {
        servers: { broker: RECORD, temporal: RECORD },
        lastPorts: { broker: 1 },
      });
      assert.deepEqual([...Deno.readDirSync(dir)].map((entry) => entry.name), ["stack.json"]);
    }),
});

Deno.test({
  name: "logs: the log before is kept, the tail is the end of a long one",
  ignore: !MAY_RUN,
  fn: () =>
    inScratch(async (dir) => {
      const log = join(dir, "a.log");
      assert.deepEqual(await tailOfLog(log), []);
      await rotateLog(log);
      const lines = Array.from({ length: 5_000 }, (_, i) => `line ${i}`);
      await Deno.writeTextFile(log, lines.join("\n\n") + "\n");
      assert.deepEqual(await tailOfLog(log, 3), lines.slice(-3));
      await rotateLog(log);
      assert.deepEqual(await tailOfLog(log), []);
      assert.deepEqual(await tailOfLog(`${log}.1`, 1), lines.slice(-1));
    }),
});

Deno.test({
  name: "ports: free ones differ, the last one comes again, a taken one is refused",
  ignore: !MAY_RUN,
  fn: () => {
    const wanted = (port: number, last?: number) => ({ port, last, what: "it", setting: "S" });
    const ports = choosePorts([wanted(0), wanted(0)], 2);
    assert.equal(new Set(ports).size, 4);
    const [first = 0] = ports;
    assert.deepEqual(choosePorts([wanted(0, first)], 0), [first]);
    using taken = Deno.listen({ hostname: "127.0.0.1", port: first });
    assert.equal(taken.addr.port, first);
    assert.equal(isTaken(first), true);
    assert.equal(isTaken(0), false);
    assert.throws(() => choosePorts([wanted(first)], 0), { code: "TG_PORT_TAKEN" });
    assert.notEqual(choosePorts([wanted(0, first)], 0)[0], first);
    const [other = 0] = choosePorts([wanted(0)], 0);
    const both = choosePorts([wanted(0, other), wanted(other)], 0);
    assert.equal(both[1], other, "a port that is asked for is not given away");
    assert.notEqual(both[0], other);
  },
});

Deno.test({
  name: "thisMachine: programs that are there, absent, and too slow",
  ignore: !MAY_RUN,
  fn: async () => {
    const env = { WORD: "tide" };
    const said = await thisMachine.run("sh", ["-c", "echo $WORD; echo no >&2; exit 3"], { env });
    assert.deepEqual(said, { code: 3, stdout: "tide\n", stderr: "no\n" });
    assert.equal(await thisMachine.run("no-such-program", []), null);
    const slow = await thisMachine.run("sleep", ["60"], { timeoutMs: 50 });
    assert.equal(slow?.code, -1);
    assert.equal(await thisMachine.exists("/no/such/file"), false);
  },
});
