/**
 * The launcher of pods over TLS, with the files that a cluster gives a pod.
 */

import assert from "node:assert/strict";
import { podAccess } from "../../../adapters/launchers/kubernetes_access.ts";
import { createKubernetesLauncher } from "../../../adapters/launchers/kubernetes.ts";
import { FakeCluster } from "../../adapters/kafka/fake_cluster.ts";
import { MAY_RUN } from "./_trial.ts";

const MAY_SERVE = MAY_RUN && Deno.permissions.querySync({ name: "net" }).state === "granted";
const IGNORE = !MAY_SERVE || !hasOpenssl();

Deno.test({
  name: "kubernetes: a pod's own files are enough to scale over TLS, and a stranger is not trusted",
  ignore: IGNORE,
  async fn() {
    const folder = await Deno.makeTempDir({ prefix: "tidegate-pod-" });
    const cluster = new FakeCluster("shop", "tidegate-worker");
    const server = await serve(cluster, folder);
    try {
      await Deno.writeTextFile(`${folder}/namespace`, "shop\n");
      await Deno.writeTextFile(`${folder}/token`, `${cluster.token}\n`);
      const env = {
        KUBERNETES_SERVICE_HOST: "127.0.0.1",
        KUBERNETES_SERVICE_PORT: String(server.addr.port),
      };
      const access = await podAccess(env, folder);
      const options = { access, deployment: cluster.name, say: () => undefined };
      const scaled = Promise.withResolvers<void>();
      const launcher = await createKubernetesLauncher({
        ...options,
        onChange: () => {
          if (cluster.wanted === 2) scaled.resolve();
        },
      });
      launcher.want(2);
      await scaled.promise;
      await launcher.stop();
      access.close();

      // Another authority's certificate.
      await openssl(folder, "req", ...selfSigned("other"), "-subj", "/CN=other");
      await Deno.rename(`${folder}/other.crt`, `${folder}/ca.crt`);
      const distrusting = await podAccess(env, folder);
      await assert.rejects(createKubernetesLauncher({ ...options, access: distrusting }), {
        code: "TG_KUBERNETES",
      });
      distrusting.close();
    } finally {
      await server.shutdown();
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test({
  name: "kubernetes: outside of a pod, or without a token, it says what is missing",
  ignore: IGNORE,
  async fn() {
    await assert.rejects(podAccess({}), {
      code: "TG_CONFIG",
      message: /KUBERNETES_SERVICE_HOST/,
    });
    const env = { KUBERNETES_SERVICE_HOST: "::1", KUBERNETES_SERVICE_PORT: "443" };
    await assert.rejects(podAccess(env, "/nonexistent"), {
      code: "TG_CONFIG",
      message: /Cannot read \/nonexistent\/\S+: the pod must have a service account/,
    });
  },
});

/** Serves a cluster with a certificate for 127.0.0.1 by an authority in `ca.crt`. */
async function serve(cluster: FakeCluster, folder: string) {
  const names = ["-addext", "subjectAltName=IP:127.0.0.1"];
  await openssl(folder, "req", ...selfSigned("ca"), "-subj", "/CN=ca");
  await openssl(
    folder,
    "req",
    ...["-x509", "-CA", "ca.crt", "-CAkey", "ca.key", "-newkey", "rsa:2048", "-nodes"],
    ...["-keyout", "server.key", "-out", "server.crt", "-days", "2", "-subj", "/CN=kubernetes"],
    ...[...names, "-addext", "basicConstraints=critical,CA:FALSE"],
  );
  const [cert, key] = await Promise.all([
    Deno.readTextFile(`${folder}/server.crt`),
    Deno.readTextFile(`${folder}/server.key`),
  ]);
  return Deno.serve(
    { hostname: "127.0.0.1", port: 0, cert, key, onListen: () => undefined },
    (request) => cluster.answer(request),
  );
}

function selfSigned(name: string): string[] {
  return [
    ...["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"],
    ...["-keyout", `${name}.key`, "-out", `${name}.crt`],
  ];
}

async function openssl(cwd: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("openssl", { args, cwd }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

function hasOpenssl(): boolean {
  try {
    return new Deno.Command("openssl", { args: ["version"], stdout: "null" }).outputSync().success;
  } catch {
    return false;
  }
}
