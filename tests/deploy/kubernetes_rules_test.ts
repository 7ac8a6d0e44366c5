import assert from "node:assert/strict";
import { settingNames } from "../../cli/config.ts";
import { manifestProblems, type Tree } from "../../deploy/checks/kubernetes/rules.ts";
// The manifests as `deno task check:kubernetes` reads them.
import manifests from "./manifests.json" with { type: "json" };

const CONTEXT = { commands: ["start", "worker"], settings: settingNames };

/** The problems after one value of one object was changed; undefined removes it. */
function problems(
  which: keyof typeof manifests,
  kind: string,
  change: (object: Record<string, unknown>) => void,
): string[] {
  const objects: Record<string, unknown>[] = structuredClone(manifests[which]);
  const target = objects.find((one) => `${one.kind} ${nameOf(one)}` === kind);
  assert.ok(target !== undefined, kind);
  change(target);
  return manifestProblems(objects.filter((one) => one.kind !== "gone"), CONTEXT);
}

function nameOf({ metadata }: Tree): unknown {
  return typeof metadata === "object" && metadata !== null && "name" in metadata
    ? metadata.name
    : undefined;
}

/** Sets a value deep in an object; undefined removes it. */
function put(path: string, value: unknown): (object: Record<string, unknown>) => void {
  return (object) => {
    const names = path.split(".");
    const last = names.pop() ?? "";
    let part: Record<string, unknown> = object;
    for (const name of names) part = Object(part[name]);
    if (value === undefined) delete part[last];
    else part[last] = value;
  };
}

Deno.test("kubernetes rules: the manifests hold", () => {
  assert.deepEqual(manifestProblems(manifests.base, CONTEXT), []);
  assert.deepEqual(manifestProblems(manifests.keda, CONTEXT), []);
});

const CONTROL = "Deployment tidegate";
const WORKER = "Deployment tidegate-worker";
const POD = "spec.template.spec";
const BOX = `${POD}.containers.0`;

/** One change a rule. */
const CASES: readonly (readonly [keyof typeof manifests, string, string, unknown, RegExp])[] = [
  ["base", CONTROL, "metadata.namespace", undefined, /in the namespace/],
  ["base", CONTROL, "spec.replicas", 2, /one control process/],
  ["base", CONTROL, "spec.strategy.type", "RollingUpdate", /Recreate/],
  ["base", "Service tidegate", "spec.selector", { a: "b" }, /Service must choose/],
  ["base", WORKER, "spec.replicas", 1, /must not set their number/],
  ["base", WORKER, `${POD}.terminationGracePeriodSeconds`, 10, /more than 25 s/],
  ["base", WORKER, `${POD}.automountServiceAccountToken`, true, /no token/],
  ["base", WORKER, `${POD}.securityContext.runAsNonRoot`, undefined, /not run as root/],
  ["base", WORKER, `${POD}.securityContext.runAsUser`, 0, /the image's user/],
  ["base", WORKER, `${BOX}.image`, "tidegate:latest", /pinned/],
  ["base", WORKER, `${BOX}.args`, ["work"], /no command work/],
  ["base", WORKER, `${BOX}.securityContext.readOnlyRootFilesystem`, false, /read-only/],
  ["base", WORKER, `${BOX}.securityContext.allowPrivilegeEscalation`, true, /privileges/],
  ["base", WORKER, `${BOX}.securityContext.capabilities.drop`, [], /capabilities/],
  ["base", WORKER, `${BOX}.resources.limits`, {}, /limit of memory/],
  ["base", WORKER, `${BOX}.resources.requests`, {}, /ask for cpu/],
  ["base", WORKER, `${BOX}.readinessProbe.httpGet.path`, "/", /readinessProbe/],
  ["base", WORKER, `${BOX}.livenessProbe.httpGet.port`, "http", /livenessProbe/],
  ["base", WORKER, "spec.selector.matchLabels", { a: "b" }, /selector must match/],
  ["base", "ConfigMap tidegate", "data.TIDEGATE_WORKERS", "3", /TIDEGATE_WORKERS is no setting/],
  ["base", "ConfigMap tidegate", "data.TIDEGATE_LAUNCHER", "external", /one ScaledObject/],
  ["base", "ConfigMap tidegate", "data.TIDEGATE_LAUNCHER", "process", /nobody scales/],
  ["base", "Role tidegate-scales-workers", "rules.1.resourceNames", undefined, /and no more/],
  ["base", "Role tidegate-scales-workers", "rules.0.verbs", ["get", "list"], /and no more/],
  ["base", "RoleBinding tidegate-scales-workers", "subjects.0.namespace", undefined, /must name/],
  ["base", "RoleBinding tidegate-scales-workers", "kind", "gone", /must name/],
  ["keda", "ConfigMap tidegate", "data.TIDEGATE_LAUNCHER", "kubernetes", /only one may scale/],
  ["keda", "ScaledObject tidegate-worker", "kind", "gone", /one ScaledObject/],
  ["keda", "ScaledObject tidegate-worker", "spec.scaleTargetRef.name", "x", /scale the workers/],
  ["keda", "ScaledObject tidegate-worker", "spec.maxReplicaCount", 9, /the most workers/],
  [
    "keda",
    "ScaledObject tidegate-worker",
    "spec.triggers.0.metadata.consumerGroup",
    "other",
    /the pipeline's group/,
  ],
];

for (const [which, kind, path, value, wanted] of CASES) {
  Deno.test(`kubernetes rules: ${which}, ${kind}, ${path} = ${JSON.stringify(value)}`, () => {
    const found = problems(which, kind, put(path, value));
    assert.ok(found.some((problem) => wanted.test(problem)), found.join("\n"));
  });
}
