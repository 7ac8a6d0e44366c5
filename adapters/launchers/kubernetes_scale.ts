/** The three requests of the Kubernetes API that scaling a Deployment takes, and its refusals. */
import { errorText } from "../../core/errors.ts";

/** How to reach the API server. */
export interface ClusterAccess {
  /** Its address, `https://host:port`. */
  readonly server: string;
  /** The namespace of the Deployment. */
  readonly namespace: string;
  /** The bearer token, asked for at every request: a cluster changes it about once an hour. */
  readonly token: () => Promise<string>;
  /** Sends a request. */
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
}

/** A Deployment as far as scaling goes. */
export interface DeploymentView {
  /** How many pods there are to be. */
  readonly wanted: number;
  /** How many there are. */
  readonly pods: number;
  /** How many of them are ready. */
  readonly ready: number;
  /** Which state of the Deployment this is. */
  readonly version: string;
}

/** Why a request was refused, by what is to be done about it. */
export type RefusalKind =
  /** The Deployment has changed meanwhile: read it again. */
  | "stale"
  /** The server is busy or away: later. */
  | "later"
  /** It stays so until somebody mends it. */
  | "lasting";

/** A refused request. */
export class Refusal extends Error {
  /**
   * @param kind What is to be done.
   * @param message What happened, for people.
   * @param retryAfterMs When the server wants to be asked again; null if it does not say.
   */
  constructor(
    readonly kind: RefusalKind,
    message: string,
    readonly retryAfterMs: number | null = null,
  ) {
    super(message);
  }
}

/** How long one request may take, in ms. */
const REQUEST_MS = 10_000;

/** Reads and scales one Deployment. */
export class DeploymentScale {
  readonly #access: ClusterAccess;
  readonly #name: string;

  /**
   * @param access How to reach the API server.
   * @param name The Deployment.
   */
  constructor(access: ClusterAccess, name: string) {
    this.#access = access;
    this.#name = name;
  }

  /** Reads the Deployment. Error: {@linkcode Refusal}. */
  async read(): Promise<DeploymentView> {
    const body = await this.#ask("get", "deployments", "", null);
    const [spec, status] = [part(body, "spec"), part(body, "status")];
    const version = part(body, "metadata")?.resourceVersion;
    if (typeof version !== "string") {
      throw new Refusal("later", `the answer on ${this.#what()} holds no resourceVersion`);
    }
    return {
      // The server fills in 1 where a manifest says nothing.
      wanted: count(spec?.replicas) ?? 1,
      pods: count(status?.replicas) ?? 0,
      ready: count(status?.readyReplicas) ?? 0,
      version,
    };
  }

  /**
   * Sets the number of pods, if the Deployment is still in the state that was read. Error:
   * {@linkcode Refusal}.
   *
   * @param replicas The number.
   * @param version The state.
   * @param dryRun Whether the server only tells if it would do it.
   */
  async scale(replicas: number, version: string, dryRun = false): Promise<void> {
    const patch = { metadata: { resourceVersion: version }, spec: { replicas } };
    await this.#ask("patch", "deployments/scale", dryRun ? "?dryRun=All" : "", patch);
  }

  #what(): string {
    return `Deployment ${this.#name} in namespace ${this.#access.namespace}`;
  }

  async #ask(
    verb: "get" | "patch",
    resource: "deployments" | "deployments/scale",
    query: string,
    patch: object | null,
  ): Promise<Readonly<Record<string, unknown>>> {
    const { server, namespace, token, fetch } = this.#access;
    const below = resource === "deployments" ? "" : "/scale";
    const url = `${server}/apis/apps/v1/namespaces/${encodeURIComponent(namespace)}/deployments/` +
      `${encodeURIComponent(this.#name)}${below}${query}`;
    const headers = new Headers({ accept: "application/json" });
    if (patch !== null) headers.set("content-type", "application/merge-patch+json");
    let response: Response;
    let text: string;
    try {
      headers.set("authorization", `Bearer ${await token()}`);
      response = await fetch(url, {
        method: verb.toUpperCase(),
        headers,
        redirect: "error",
        signal: AbortSignal.timeout(REQUEST_MS),
        ...(patch === null ? {} : { body: JSON.stringify(patch) }),
      });
      text = await response.text();
    } catch (error) {
      const why = errorText(error);
      throw new Refusal("later", `the Kubernetes API at ${server} can't be reached: ${why}`);
    }
    const body = parse(text);
    if (response.ok && body !== null) return body;
    throw this.#refusal(response, typeof body?.message === "string" ? body.message : "", {
      verb,
      resource,
    });
  }

  #refusal(
    response: Response,
    said: string,
    { verb, resource }: { verb: string; resource: string },
  ): Refusal {
    const { status } = response;
    const tail = said === "" ? "" : `: ${said}`;
    switch (status) {
      case 401:
        return new Refusal("lasting", `the Kubernetes API does not accept the token${tail}`);
      case 403:
        return new Refusal(
          "lasting",
          `the service account must have the verb ${verb} on ${resource} of the API group apps ` +
            `in namespace ${this.#access.namespace}${tail}`,
        );
      case 404:
        return new Refusal("lasting", `there is no ${this.#what()}${tail}`);
      case 409:
        return new Refusal("stale", `${this.#what()} has changed meanwhile${tail}`);
      default: {
        const kind = status === 408 || status === 429 || status >= 500 || response.ok
          ? "later"
          : "lasting";
        const answer = `the Kubernetes API answered ${status} to ${verb} ${resource}${tail}`;
        return new Refusal(kind, answer, retryAfterMs(response.headers.get("retry-after")));
      }
    }
  }
}

/** `Retry-After`: seconds, or a date. */
function retryAfterMs(header: string | null): number | null {
  if (header === null) return null;
  if (/^\d+$/.test(header)) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? null : Math.max(0, at - Date.now());
}

function parse(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : null;
  } catch {
    return null;
  }
}

function part(
  body: Readonly<Record<string, unknown>>,
  name: string,
): Readonly<Record<string, unknown>> | undefined {
  const value = body[name];
  return isRecord(value) ? value : undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function count(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}
