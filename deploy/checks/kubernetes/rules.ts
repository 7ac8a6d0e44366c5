/**
 * What must hold of the Kubernetes manifests beyond the types of the API.
 *
 * @module
 */

/** What the rules know of the rest of the project. */
export interface ManifestContext {
  /** The commands of `cli/main.ts`. */
  readonly commands: readonly string[];
  /** The environment variables that are settings. */
  readonly settings: readonly string[];
}

/** An object of a manifest, or a part of one. */
export type Tree = { readonly [name: string]: unknown };

/**
 * Checks the objects of one kustomization.
 *
 * @param objects The objects, as the API's types have them.
 * @param context What the rules know of the rest.
 * @returns What is wrong, a sentence each; empty if nothing is.
 */
export function manifestProblems(objects: readonly Tree[], context: ManifestContext): string[] {
  const deployments = objects.filter(({ kind }) => kind === "Deployment");
  const control = deployments.find((one) => at(one, "metadata.name") === "tidegate");
  const worker = deployments.find((one) => at(one, "metadata.name") === "tidegate-worker");
  if (control === undefined || worker === undefined || deployments.length !== 2) {
    return ["there must be the Deployments tidegate and tidegate-worker, and no others"];
  }
  return [
    ...objects.flatMap((one) => namespaceProblems(one)),
    ...deployments.flatMap((one) => podProblems(one, objects, context)),
    ...controlProblems(control, objects),
    ...workerProblems(worker),
    ...writerProblems(objects, control),
  ];
}

function namespaceProblems(one: Tree): string[] {
  return at(one, "metadata.namespace") === "tidegate"
    ? []
    : [`${label(one)} must be in the namespace tidegate`];
}

function podProblems(one: Tree, objects: readonly Tree[], context: ManifestContext): string[] {
  const problems: string[] = [];
  const expect = (holds: boolean, what: string) => holds || problems.push(`${label(one)}: ${what}`);
  const pod = tree(at(one, "spec.template.spec"));
  const [container = {}, ...others] = list(pod.containers);
  expect(others.length === 0, "must have one container");
  expect(/:\d+\.\d+\.\d+$/.test(String(container.image)), "its image must be pinned");
  expect(at(pod, "securityContext.runAsNonRoot") === true, "must not run as root");
  expect(Number(at(pod, "securityContext.runAsUser")) === 1993, "must run as the image's user");
  const security = tree(container.securityContext);
  expect(security.readOnlyRootFilesystem === true, "its root must be read-only");
  expect(security.allowPrivilegeEscalation === false, "must not gain privileges");
  expect(JSON.stringify(at(security, "capabilities.drop")) === '["ALL"]', "must drop capabilities");
  expect(at(container, "resources.limits.memory") !== undefined, "must have a limit of memory");
  expect(at(container, "resources.requests.cpu") !== undefined, "must ask for cpu");
  const [command] = words(container.args);
  expect(context.commands.includes(command ?? ""), `there is no command ${command}`);
  const ports = list(container.ports).map(({ name }) => name);
  for (const [probe, path] of [["livenessProbe", "/healthz"], ["readinessProbe", "/readyz"]]) {
    const get = tree(at(container, `${probe}.httpGet`));
    expect(
      get.path === path && ports.includes(get.port),
      `its ${probe} must ask ${path} of a port`,
    );
  }
  const wanted = tree(at(one, "spec.selector.matchLabels"));
  const labels = tree(at(one, "spec.template.metadata.labels"));
  const isChosen = Object.entries(wanted).every(([name, value]) => labels[name] === value);
  expect(isChosen && Object.keys(wanted).length > 0, "its selector must match its pods");
  for (const { configMapRef } of list(container.envFrom)) {
    const settings = Object.keys(settingsOf(objects, String(tree(configMapRef).name)));
    expect(settings.length > 0, "its settings must be there");
    const own = list(container.env).map(({ name }) => String(name));
    for (const name of [...settings, ...own]) {
      expect(context.settings.includes(name), `${name} is no setting`);
    }
  }
  return problems;
}

function controlProblems(control: Tree, objects: readonly Tree[]): string[] {
  const service = objects.find(({ kind }) => kind === "Service") ?? {};
  const labels = tree(at(control, "spec.template.metadata.labels"));
  const selector = Object.entries(tree(at(service, "spec.selector")));
  return [
    ...at(control, "spec.replicas") === 1 ? [] : ["there must be one control process"],
    ...at(control, "spec.strategy.type") === "Recreate"
      ? []
      : ["the control process must end before the next one starts: Recreate"],
    ...selector.length > 0 && selector.every(([name, value]) => labels[name] === value)
      ? []
      : ["the Service must choose the control process"],
  ];
}

function workerProblems(worker: Tree): string[] {
  const pod = tree(at(worker, "spec.template.spec"));
  return [
    ...at(worker, "spec.replicas") === undefined
      ? []
      : ["the workers' manifest must not set their number: whoever scales them does"],
    ...Number(pod.terminationGracePeriodSeconds) > 25
      ? []
      : ["a worker must have more than 25 s to leave"],
    ...pod.automountServiceAccountToken === false
      ? []
      : ["a worker must have no token of the cluster"],
  ];
}

/** Two writers undo each other's work; and who does not scale has no right to. */
function writerProblems(objects: readonly Tree[], control: Tree): string[] {
  const settings = settingsOf(objects, "tidegate");
  const scaled = objects.filter(({ kind }) => kind === "ScaledObject");
  const roles = objects.filter(({ kind }) => kind === "Role");
  if (settings.TIDEGATE_LAUNCHER === "external") {
    const [one] = scaled;
    const trigger = tree(list(at(one ?? {}, "spec.triggers"))[0]?.metadata);
    const name = /(\w+)\.ts$/.exec(String(settings.TIDEGATE_PIPELINE))?.[1];
    return [
      ...scaled.length === 1 ? [] : ["somebody must scale the workers: one ScaledObject"],
      ...roles.length === 0 ? [] : ["a control process that does not scale needs no Role"],
      ...at(one ?? {}, "spec.scaleTargetRef.name") === "tidegate-worker"
        ? []
        : ["the ScaledObject must scale the workers"],
      ...trigger.consumerGroup === `tidegate-${name}`
        ? []
        : ["the ScaledObject must look at the pipeline's group"],
      ...String(at(one ?? {}, "spec.maxReplicaCount")) === settings.TIDEGATE_MAX_WORKERS
        ? []
        : ["the ScaledObject must have the most workers of TIDEGATE_MAX_WORKERS"],
    ];
  }
  const rules = roles.flatMap((role) => list(role.rules)).map((rule) => JSON.stringify(rule));
  const right = (verb: string, resource: string) =>
    JSON.stringify({
      verbs: [verb],
      apiGroups: ["apps"],
      resources: [resource],
      resourceNames: [settings.TIDEGATE_DEPLOYMENT],
    });
  const least = [right("get", "deployments"), right("patch", "deployments/scale")];
  const binding = objects.find(({ kind }) => kind === "RoleBinding") ?? {};
  const [subject = {}] = list(binding.subjects);
  const account = at(control, "spec.template.spec.serviceAccountName");
  return [
    ...settings.TIDEGATE_LAUNCHER === "kubernetes" ? [] : ["nobody scales the workers"],
    ...scaled.length === 0 ? [] : ["only one may scale: no ScaledObject beside the launcher"],
    ...JSON.stringify(rules) === JSON.stringify(least)
      ? []
      : [`the Role must hold what the launcher needs and no more, got ${rules.join(" ")}`],
    ...subject.name === account && subject.namespace === "tidegate"
      ? []
      : ["the RoleBinding must name the service account of the control process"],
  ];
}

function settingsOf(objects: readonly Tree[], name: string): Tree {
  const map = objects.find((one) => one.kind === "ConfigMap" && at(one, "metadata.name") === name);
  return tree(map?.data);
}

function label(one: Tree): string {
  return `${one.kind} ${at(one, "metadata.name")}`;
}

function at(value: unknown, path: string): unknown {
  return path.split(".").reduce<unknown>((part, name) => tree(part)[name], value);
}

function tree(value: unknown): Tree {
  return isTree(value) ? value : {};
}

function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function list(value: unknown): Tree[] {
  return Array.isArray(value) ? value.filter(isTree) : [];
}

function words(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
