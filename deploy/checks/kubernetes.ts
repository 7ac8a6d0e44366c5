/**
 * `deno task check:kubernetes`: checks the manifests without a cluster: built by kustomize and read
 * into the types of Kubernetes' and KEDA's own API, where unknown fields and wrong types are errors,
 * and by rules of our own.
 *
 * @module
 */

import { orUnchecked } from "./unchecked.ts";
import { settingNames } from "../../cli/config.ts";
import { SPECS } from "../../commands/specs.ts";
import { ensureBuilt, type Recipe } from "../../devstack/build.ts";
import { defaultCacheDir } from "../../devstack/machine.ts";
import { ROOT } from "../../scripts/deno.ts";
import { must } from "./image/clean_root.ts";
import { manifestProblems, type Tree } from "./kubernetes/rules.ts";

const KUSTOMIZATIONS = ["deploy/kubernetes/base", "deploy/kubernetes/keda"];

/** Raised with every change of the Go program: what is built already is taken as it is. */
const REVISION = 1;

const text = (file: string) => Deno.readTextFileSync(new URL(file, ROOT));

/** The program that knows the API's types. Measured 2026-11-22: 2 minutes with an empty cache. */
function recipe(): Recipe {
  const files = ["main.go", "go.mod", "go.sum"];
  return {
    title: "the reader of manifests",
    folder: `manifests-${REVISION}-${Deno.build.os}-${Deno.build.arch}`,
    takes: "2 minutes",
    megabytes: 30,
    files: Object.fromEntries(
      files.map((name) => [name, text(`deploy/checks/kubernetes/${name}`)]),
    ),
    command: () => ({
      program: "go",
      args: ["build", "-v", "-ldflags", "-s -w", "-o", "check", "."],
      env: { GOOS: "", GOARCH: "", GOFLAGS: "", GOTOOLCHAIN: "auto" },
    }),
    progress: (lines) => `${lines.length} steps`,
    check: async (into, machine) =>
      await machine.exists(`${into}/check`) ? null : "the program was not built",
  };
}

async function check(): Promise<boolean> {
  const cacheDir = defaultCacheDir((name) => Deno.env.get(name) || undefined);
  const folder = await ensureBuilt(recipe(), { cacheDir, say: (line) => console.error(line) });
  const context = {
    commands: Object.keys(SPECS),
    settings: settingNames,
  };
  let ok = true;
  for (const one of KUSTOMIZATIONS) {
    const objects: Tree[] = JSON.parse(await must(`${folder}/check`, new URL(one, ROOT).pathname));
    const problems = manifestProblems(objects, context);
    console.log(`${problems.length === 0 ? "ok    " : "FAILED"} ${one}`);
    console.log(`       ${objects.map(({ kind }) => kind).join(" ")}`);
    for (const problem of problems) console.log(`       - ${problem}`);
    ok &&= problems.length === 0;
  }
  return ok;
}

if (import.meta.main) {
  const ok = await orUnchecked(check);
  console.log(ok ? "The manifests hold." : "The manifests don't hold.");
  Deno.exit(ok ? 0 : 1);
}
