import assert from "node:assert/strict";
import { kafkaPom, kafkaRecipe, temporalRecipe } from "../../devstack/build.ts";

Deno.test("builds: pinned to a version, in a folder that names it", () => {
  const go = temporalRecipe.command("/c/t");
  assert.equal(go.args.at(-1), "github.com/temporalio/cli/cmd/temporal@v1.5.1");
  assert.equal(go.env.GOBIN, "/c/t");
  assert.match(temporalRecipe.folder, /^temporal-1\.5\.1-/);
  assert.equal(kafkaRecipe.folder, "kafka-4.1.0");
  const pom = kafkaPom();
  assert.match(pom, /kafka_2\.13<\/artifactId>\s*<version>4\.1\.0</);
  assert.match(pom, /kafka-tools<\/artifactId>\s*<version>4\.1\.0</);
  assert.doesNotMatch(pom, /SNAPSHOT|LATEST|RELEASE|\[/);
});

Deno.test("builds: how far they are, in words", () => {
  assert.equal(temporalRecipe.progress([]), "");
  const fetching = ["go: downloading a.b/c v1.0.0", "go: downloading a.b/d v1.0.0"];
  assert.equal(temporalRecipe.progress(fetching), "2 modules fetched");
  const compiling = [...fetching, "internal/abi", "github.com/a/b", "# github.com/a/b"];
  assert.match(temporalRecipe.progress(compiling), /^2 of at most \d+ packages compiled$/);
  assert.equal(kafkaRecipe.progress(["[INFO] Downloaded from x: y"]), "1 files fetched");
});
