import assert from "node:assert/strict";
import { formatAddress, parseAddress } from "../../../adapters/kafka/address.ts";

Deno.test("addresses are read and written alike", () => {
  for (
    const [text, host, port] of [
      ["localhost:9092", "localhost", 9092],
      ["127.0.0.1:1", "127.0.0.1", 1],
      ["[::1]:65535", "::1", 65535],
      ["broker-0.kafka.svc:19092", "broker-0.kafka.svc", 19092],
    ] as const
  ) {
    assert.deepEqual(parseAddress(text), { host, port });
    assert.equal(formatAddress(host, port), text);
  }
  assert.deepEqual(parseAddress(" localhost:9092 "), { host: "localhost", port: 9092 });
});

Deno.test("what is no address is refused with what was got", () => {
  for (const text of ["", "localhost", "localhost:", ":9092", "localhost:0", "a:99999", "::1:90"]) {
    assert.throws(() => parseAddress(text), (error: Error) => {
      assert.match(error.message, /host:port/);
      assert.ok(error.message.includes(`"${text}"`));
      return true;
    });
  }
});
