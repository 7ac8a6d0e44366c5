import assert from "node:assert/strict";
import { formatAddress, parseAddress } from "../../core/address.ts";
import { portsTaken } from "../../devstack/ports.ts";

const BROKER = { port: 19092, what: "the broker", setting: "TIDEGATE_BROKER_PORT" };
const UI = { port: 18233, what: "Temporal's Web UI", setting: "TIDEGATE_UI_PORT" };

Deno.test("portsTaken: names the port and the setting", () => {
  const error = portsTaken([BROKER]);
  assert.equal(error.code, "TG_PORT_TAKEN");
  assert.equal(
    error.message,
    "Cannot start the broker: port 19092 must be free, got one that another program listens on",
  );
  assert.equal(
    error.next,
    "Set TIDEGATE_BROKER_PORT to a free port, or stop that program (`lsof -i :19092` names it).",
  );
});

Deno.test("portsTaken: all taken ports at once, and what answers there", () => {
  const error = portsTaken([BROKER, UI], "Something answers there.");
  assert.match(
    error.message,
    /^Cannot start the broker and Temporal's Web UI: ports 19092 and 18233/,
  );
  assert.match(error.next, /^Set TIDEGATE_BROKER_PORT and TIDEGATE_UI_PORT to free ports/);
  assert.match(error.next, /`lsof -i :19092 -i :18233`/);
  assert.match(error.next, / Something answers there\.$/);
});

Deno.test("addresses: read and written", () => {
  for (const text of ["127.0.0.1:19092", "broker.internal:9092", "[::1]:7233"]) {
    const address = parseAddress(text);
    assert.ok(address !== null, text);
    assert.equal(formatAddress(address), text);
  }
  for (const text of ["", "host", "host:", ":9092", "host:0", "host:70000", "::1:7233", "a b:1"]) {
    assert.equal(parseAddress(text), null, text);
  }
});
