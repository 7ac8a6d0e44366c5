/**
 * Where the tests against a real broker find it.
 *
 * @module
 */

function variable(name: string): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable: name });
  return state === "granted" ? Deno.env.get(name) : undefined;
}

/** `host:port` of the broker for tests, from `TIDEGATE_TEST_BROKER`; undefined if there is none. */
export const TEST_BROKER: string | undefined = variable("TIDEGATE_TEST_BROKER");

/**
 * Whether tests against the broker must be left out: no broker is named, or the permissions that
 * the client libraries need are missing.
 */
export const NO_BROKER: boolean = TEST_BROKER === undefined ||
  (["net", "env", "read"] as const).some((name) =>
    Deno.permissions.querySync({ name }).state !== "granted"
  );

/** The settings of the broker for tests. */
export const TEST_SETTINGS = { brokers: [TEST_BROKER ?? ""], clientId: "tidegate-test" } as const;
