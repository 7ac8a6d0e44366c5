import assert from "node:assert/strict";
import { contextFilter } from "../../deploy/checks/image/context.ts";
import { parseDockerfile } from "../../deploy/checks/image/dockerfile.ts";

const ROOT = new URL("../../", import.meta.url);
const UNREADABLE = Deno.permissions.querySync({ name: "read", path: ROOT }).state !== "granted";
const read = (path: string) => Deno.readTextFileSync(new URL(path, ROOT));

Deno.test("dockerfile: stages, continued lines, comments, flags", () => {
  const stages = parseDockerfile(`
# a comment
FROM a:1 AS build
RUN one && \\
    # inside
    two
COPY --chown=deno:deno x y z/

FROM b:2
COPY --from=build /app /app
ENV A=1 \\
    B="two words"
ENTRYPOINT ["/tini", "--"]
`);
  assert.deepEqual(stages.map(({ name, base }) => [name, base]), [["build", "a:1"], ["", "b:2"]]);
  assert.deepEqual(stages[0]?.steps, [
    { kind: "run", command: "one &&      two" },
    { kind: "copy", from: null, chown: "deno:deno", sources: ["x", "y"], target: "z/" },
  ]);
  assert.deepEqual(stages[1]?.steps.slice(1), [
    { kind: "env", values: new Map([["A", "1"], ["B", "two words"]]) },
    { kind: "entrypoint", words: ["/tini", "--"] },
  ]);
});

Deno.test("dockerfile: what is not known is refused, not passed over", () => {
  for (
    const line of ["ADD a b", "RUN --mount=x y", "COPY --link a b", "CMD start", "HEALTHCHECK NONE"]
  ) {
    assert.throws(() => parseDockerfile(`FROM a:1\n${line}\n`), SyntaxError, line);
  }
  assert.throws(() => parseDockerfile("RUN x\n"), SyntaxError);
});

Deno.test({
  name: "dockerfile: ours is pinned, not root, labelled, and begins with what it is checked with",
  ignore: UNREADABLE,
  fn() {
    const stages = parseDockerfile(read("Dockerfile"));
    const version = /deno_version=(\S+)/.exec(read(".ci/run"))?.[1];
    for (const { base } of stages) assert.equal(base, `denoland/deno:${version}`);
    const steps = stages.at(-1)?.steps ?? [];
    assert.equal(steps.findLast(({ kind }) => kind === "user")?.kind, "user");
    assert.ok(steps.some((step) => step.kind === "user" && step.user === "1993:1993"));
    const labels = steps.flatMap((step) => step.kind === "label" ? [...step.values.keys()] : []);
    assert.ok(labels.includes("org.opencontainers.image.version"));
    // The layer of dependencies must not change with the code.
    const copied = stages[0]?.steps.map((step) => step.kind === "copy" ? step.sources : []) ?? [];
    const install = stages[0]?.steps.findIndex((step) =>
      step.kind === "run" && step.command.startsWith("deno install")
    ) ?? -1;
    assert.ok(install > 0);
    assert.ok(
      copied.slice(0, install).flat().every((path) =>
        path.endsWith(".json")
      ),
    );
  },
});

Deno.test({
  name: "dockerignore: the code goes in; tests, secrets and data stay out",
  ignore: UNREADABLE,
  fn() {
    const isIn = contextFilter(read(".dockerignore"));
    for (
      const path of ["cli/main.ts", "core/fold/fold.ts", "core/deno.json", "deploy/image/tidegate"]
    ) {
      assert.ok(isIn(path), path);
    }
    const out = [
      ".env",
      ".git/config",
      ".tidegate/stack.json",
      "deno.json",
      "deno.lock",
      "node_modules/x/y.ts",
      "scripts/check.ts",
      "tests/cli/config_test.ts",
      "docs/operations.md",
      "deploy/kubernetes/tidegate.yaml",
      "dashboard/README.md",
    ];
    for (const path of out) assert.ok(!isIn(path), path);
    assert.throws(() => contextFilter("a[bc]"), SyntaxError);
  },
});
