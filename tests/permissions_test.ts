const plain = Deno.permissions.querySync({ name: "read", path: "." }).state !== "granted";

// The name is the message: `console.log` here would be framed as a test's output, in three lines.
if (plain) {
  Deno.test({
    name: "tests that need permissions or servers are left out here: `deno task test` runs them",
    ignore: true,
    fn() {},
  });
}
