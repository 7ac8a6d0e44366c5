/**
 * The part of a Kubernetes API server that scaling a Deployment meets, refusing what a real one
 * refuses: no token, missing rights, unknown names, stale versions, wrong content types, bad
 * numbers, and too many requests. Messages are shaped as the real server's.
 *
 * @module
 */

/** A right of a service account. */
export type Right = "get deployments" | "patch deployments" | "patch deployments/scale";

/** A failure that is answered in place of the next request's own answer. */
export interface PlannedFailure {
  /** The HTTP status. */
  readonly status: number;
  /** Headers. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request as it came. */
export interface SeenCall {
  /** Method and path with its query. */
  readonly call: string;
  /** The body as text. */
  readonly body: string;
}

/** One namespace with one Deployment. */
export class FakeCluster {
  /** How many pods there are to be. */
  wanted = 0;
  /** How many there are. */
  pods = 0;
  /** How many are ready. */
  ready = 0;
  /** The token that is accepted. */
  token = "first-token";
  /** What its owner may do. */
  rights: Set<Right> = new Set<Right>(["get deployments", "patch deployments/scale"]);
  /** All requests. */
  readonly seen: SeenCall[] = [];
  /** Failures of the next requests. */
  readonly failures: PlannedFailure[] = [];
  /** Called after a request has been answered by a Deployment as it was. */
  afterRead: () => void = () => undefined;
  #version = 100;

  /**
   * @param namespace The namespace.
   * @param name The Deployment.
   */
  constructor(readonly namespace: string, readonly name: string) {}

  /** The Deployment changes: its version too. */
  change(values: Partial<Pick<FakeCluster, "wanted" | "pods" | "ready">>): void {
    Object.assign(this, values);
    this.#version++;
  }

  /** Answers a request. */
  async answer(request: Request): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    const body = await request.text();
    this.seen.push({ call: `${request.method} ${pathname}${search}`, body });
    const failure = this.failures.shift();
    if (failure !== undefined) {
      return status(failure.status, "TooManyRequests", "planned", failure.headers);
    }
    if (request.headers.get("authorization") !== `Bearer ${this.token}`) {
      return status(401, "Unauthorized", "Unauthorized");
    }
    const path = /^\/apis\/apps\/v1\/namespaces\/([^/]+)\/deployments\/([^/]+)(\/scale)?$/;
    const match = path.exec(pathname);
    if (match === null) return status(404, "NotFound", "the server could not find the resource");
    const [, namespace = "", name = "", below = ""] = match;
    const resource = `deployments${below}`;
    const verb = request.method.toLowerCase();
    if (!this.rights.has(`${verb} ${resource}` as Right)) {
      return status(
        403,
        "Forbidden",
        `deployments.apps "${name}" is forbidden: User "system:serviceaccount:${this.namespace}:` +
          `tidegate" cannot ${verb} resource "${resource}" in API group "apps" in the namespace ` +
          `"${namespace}"`,
      );
    }
    if (namespace !== this.namespace || name !== this.name) {
      return status(404, "NotFound", `deployments.apps "${name}" not found`);
    }
    if (verb === "get") {
      const answer = below === "" ? this.#deployment() : this.#scale();
      this.afterRead();
      return Response.json(answer);
    }
    return this.#patch(request, body, search);
  }

  #patch(request: Request, body: string, search: string): Response {
    const type = request.headers.get("content-type");
    if (type !== "application/merge-patch+json") {
      return status(
        415,
        "UnsupportedMediaType",
        `the body of the request was in an unknown format`,
      );
    }
    const patch: unknown = JSON.parse(body);
    const { metadata, spec } = patch as {
      metadata?: { resourceVersion?: string };
      spec?: { replicas?: unknown };
    };
    const version = metadata?.resourceVersion;
    if (version !== undefined && version !== String(this.#version)) {
      return status(
        409,
        "Conflict",
        `Operation cannot be fulfilled on deployments.apps "${this.name}": the object has been ` +
          "modified; please apply your changes to the latest version and try again",
      );
    }
    const replicas = spec?.replicas;
    if (typeof replicas !== "number" || !Number.isInteger(replicas)) {
      return status(400, "BadRequest", "cannot convert to int32");
    }
    if (replicas < 0) {
      return status(
        422,
        "Invalid",
        `Scale "${this.name}" is invalid: spec.replicas: Invalid value: ${replicas}: must be ` +
          "greater than or equal to 0",
      );
    }
    if (new URLSearchParams(search).get("dryRun") === "All") return Response.json(this.#scale());
    if (replicas !== this.wanted) this.change({ wanted: replicas });
    return Response.json(this.#scale());
  }

  #meta() {
    return { name: this.name, namespace: this.namespace, resourceVersion: String(this.#version) };
  }

  #deployment() {
    // The server leaves out zeros.
    const status = {
      ...(this.pods === 0 ? {} : { replicas: this.pods }),
      ...(this.ready === 0 ? {} : { readyReplicas: this.ready }),
    };
    const spec = { replicas: this.wanted };
    return { kind: "Deployment", apiVersion: "apps/v1", metadata: this.#meta(), spec, status };
  }

  #scale() {
    const spec = this.wanted === 0 ? {} : { replicas: this.wanted };
    const status = { replicas: this.pods, selector: "app=tidegate-worker" };
    return { kind: "Scale", apiVersion: "autoscaling/v1", metadata: this.#meta(), spec, status };
  }
}

function status(
  code: number,
  reason: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return Response.json(
    { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, reason, code },
    { status: code, headers },
  );
}
