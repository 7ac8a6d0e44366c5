import assert from "node:assert/strict";
import { chooseVersion } from "../../../adapters/kafka/api_versions.ts";

const fetchApi = { name: "Fetch", key: 1 };
const ours = [11, 12, 13, 14, 15, 16, 17];

Deno.test("the highest version that both sides speak is chosen", () => {
  for (
    const [broker, low, high, chosen] of [
      ["Kafka 4.1", 4, 18, 17],
      ["Redpanda 24.1 to 25.2", 4, 11, 11],
      ["Redpanda 25.3 and later", 4, 13, 13],
    ] as const
  ) {
    assert.equal(chooseVersion(fetchApi, ours, new Map([[1, [low, high]]])), chosen, broker);
  }
});

Deno.test("a ceiling keeps to the versions below it", () => {
  assert.equal(chooseVersion(fetchApi, ours, new Map([[1, [4, 17]]]), 12), 12);
});

Deno.test("a broker without a common version is refused, with what it speaks", () => {
  for (
    const [ranges, got] of [
      [new Map([[1, [0, 10] as const]]), "got 0 to 10"],
      [new Map([[1, [18, 20] as const]]), "got 18 to 20"],
      [new Map(), "got none"],
    ] as const
  ) {
    assert.throws(() => chooseVersion(fetchApi, ours, ranges), (error: Error) => {
      assert.match(error.message, /version of Fetch must be one of 11, 12, /);
      assert.ok(error.message.endsWith(got), error.message);
      return true;
    });
  }
});
