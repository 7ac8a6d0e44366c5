/**
 * The stand-ins of the images that Compose pulls: no registry is asked, so each is built here under
 * the same name and tag, with the same users, homes, entry points and shells, as far as the sources
 * in docs/operations.md tell them. What is in them is real where it can be had without an image.
 *
 * @module
 */

import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import {
  ensureBuilt,
  KAFKA_JARS,
  kafkaRecipe,
  type Recipe,
  TEMPORAL_PROGRAM,
  temporalRecipe,
} from "../../../devstack/build.ts";
import { defaultCacheDir } from "../../../devstack/machine.ts";
import { ROOT } from "../../../scripts/deno.ts";
import { ensureGoBuild, temporalServerBuild } from "../go_builds.ts";
import { must } from "../image/clean_root.ts";

/** What stand-ins are made of; made once for all projects of the machine. */
export interface Parts {
  /** Debian with some packages, as archives of a root folder. */
  readonly roots: Readonly<Record<RootName, string>>;
  /** Kafka's jars. */
  readonly jars: string;
  /** Temporal's CLI, server, schema tool. */
  readonly temporal: { readonly cli: string; readonly server: string; readonly sql: string };
  /** The server's own schema for PostgreSQL. */
  readonly schema: string;
  /** Deno's cache of the packages that our image installs, an archive: builds have no network. */
  readonly packages: string;
}

/** A stand-in. */
export interface StandIn {
  /** The image's name without its tag. */
  readonly image: string;
  /** What it is, for people. */
  readonly is: string;
  /** Its Dockerfile. */
  readonly dockerfile: string;
  /** What the Dockerfile copies: name in the context to a file or folder of this machine. */
  readonly files: Readonly<Record<string, string>>;
  /** Small files of its own: name in the context to text. */
  readonly texts: Readonly<Record<string, string>>;
}

/** Debian with some packages. */
export type RootName = "plain" | "java" | "postgres";

/** BusyBox is for what stands in for Alpine. */
const PLAIN = ["tini", "ca-certificates", "busybox-static"];
const ROOTS: Readonly<Record<RootName, readonly string[]>> = {
  plain: PLAIN,
  java: [...PLAIN, "openjdk-21-jre-headless"],
  postgres: [...PLAIN, "postgresql-17"],
};

/** Makes a root, and an archive of it. `$1`: the folder to make it in, then the packages. */
const MAKE_ROOT = `
set -eu
into="$1"
shift
trap 'umount "$into/root/proc" 2>/dev/null || true' EXIT
debootstrap --variant=minbase stable "$into/root" >&2
cp --dereference /etc/resolv.conf "$into/root/etc/resolv.conf"
# Nothing may be started.
printf '#!/bin/sh\\nexit 101\\n' >"$into/root/usr/sbin/policy-rc.d"
chmod 755 "$into/root/usr/sbin/policy-rc.d"
mount -t proc proc "$into/root/proc"
DEBIAN_FRONTEND=noninteractive chroot "$into/root" \\
  apt-get install --yes --no-install-recommends "$@" >&2
umount "$into/root/proc"
rm -rf "$into/root/var/cache/apt" "$into/root/var/lib/apt/lists" "$into/root/usr/share/doc" \\
  "$into/root/etc/resolv.conf"
tar --create --numeric-owner --one-file-system --file "$into/root.tar" --directory "$into/root" .
rm -rf --one-file-system "$into/root"
`;

function rootRecipe(name: RootName): Recipe {
  return {
    title: `Debian stable with ${ROOTS[name].at(-1)}`,
    folder: `stand-in-${name}-1-${Deno.build.arch}`,
    takes: "2 minutes",
    megabytes: 300,
    files: {},
    command: (into) => ({
      program: "sh",
      args: ["-c", MAKE_ROOT, "make-root", into, ...ROOTS[name]],
      env: {},
    }),
    progress: (lines) => `${lines.length} steps`,
    check: async (into, machine) =>
      await machine.exists(join(into, "root.tar")) ? null : "the archive was not made",
  };
}

/** Installs into a cache of its own, `$1`, by the Deno `$2`, and makes an archive of that. */
const CACHE_PACKAGES = `
set -eu
cd "$1"
DENO_DIR="$1/deno-dir" "$2" install --quiet --frozen
tar --create --owner=1993 --group=1993 --numeric-owner --file packages.tar --directory deno-dir npm
rm -rf node_modules deno-dir
`;

/** Deno's cache after an installation of what the image installs. */
async function packagesRecipe(): Promise<Recipe> {
  const file = (name: string) => Deno.readTextFile(new URL(`deploy/image/${name}`, ROOT));
  const [manifest, lock] = await Promise.all([file("manifest.json"), file("lock.json")]);
  const bytes = new TextEncoder().encode(manifest + lock);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex().slice(0, 12);
  return {
    title: "The packages of the image",
    folder: `stand-in-packages-${hash}`,
    takes: "1 minute",
    megabytes: 250,
    files: { "deno.json": manifest, "deno.lock": lock },
    command: (into) => ({
      program: "sh",
      args: ["-c", CACHE_PACKAGES, "cache-packages", into, Deno.execPath()],
      env: {},
    }),
    progress: () => "",
    check: async (into, machine) =>
      await machine.exists(join(into, "packages.tar")) ? null : "the archive was not made",
  };
}

/**
 * Makes what is not made yet; needs a network for that.
 *
 * @param temporalVersion The version of Temporal's server.
 * @param say Takes progress.
 * @throws {TidegateError} `TG_BUILD_FAILED`
 */
export async function makeParts(
  temporalVersion: string,
  say: (line: string) => void,
): Promise<Parts> {
  const cacheDir = defaultCacheDir((name) => Deno.env.get(name) || undefined);
  const made = async (recipe: Recipe) => await ensureBuilt(recipe, { cacheDir, say });
  const root = async (name: RootName) => join(await made(rootRecipe(name)), "root.tar");
  const jars = join(await made(kafkaRecipe), KAFKA_JARS);
  const cli = join(await made(temporalRecipe), TEMPORAL_PROGRAM);
  const server = await ensureGoBuild(temporalServerBuild(temporalVersion));
  const module = `go.temporal.io/server@v${temporalVersion}`;
  const { Dir } = JSON.parse(await must("go", "mod", "download", "-json", module));
  return {
    roots: {
      plain: await root("plain"),
      java: await root("java"),
      postgres: await root("postgres"),
    },
    jars,
    temporal: { cli, server: join(server, "server"), sql: join(server, "sql") },
    schema: join(Dir, "schema"),
    packages: join(await made(await packagesRecipe()), "packages.tar"),
  };
}

/** The name that an archive of a root is imported under. */
const rootImage = (name: RootName) => `tidegate-stand-in/${name}:1`;

/** Alpine, as far as anybody looks: BusyBox and a C library, no Bash. Debian's `nc` knows no -z. */
const ALPINE = `FROM ${rootImage("plain")} AS debian
RUN mkdir -p /a/bin /a/etc /a/tmp /a/lib64 /a/lib/x86_64-linux-gnu /a/lib/aarch64-linux-gnu && \\
    cp /usr/bin/busybox /a/bin/busybox && chroot /a /bin/busybox --install -s /bin && \\
    for lib in /lib64/ld-linux-* /lib/*-linux-gnu/libc.so.6 /lib/*-linux-gnu/libresolv.so.2 \\
      /lib/*-linux-gnu/libpthread.so.0; do cp -L "$lib" "/a$lib" 2>/dev/null || true; done && \\
    cp -r /etc/ssl /a/etc/ssl && chmod 1777 /a/tmp && \\
    echo root:x:0:0:root:/root:/bin/sh >/a/etc/passwd && echo root:x:0: >/a/etc/group
FROM scratch
COPY --from=debian /a /
RUN rm /bin/nc && printf '%s\\n' '#!/bin/sh' '[ "$1" != -z ] || { shift; set -- -w 2 "$@" -e /bin/true; }' \\
      'exec busybox nc "$@"' >/bin/nc && chmod 755 /bin/nc
ENV PATH=/usr/local/bin:/bin
`;
/** The user of Temporal's images. */
const TEMPORAL_USER = `RUN echo temporal:x:1000: >>/etc/group && \\
    echo temporal:x:1000:1000::/home/temporal:/bin/sh >>/etc/passwd && \\
    mkdir -p /home/temporal && chown 1000:1000 /home/temporal
`;

/** A server of one page, of which nobody knows more than its port. */
const page = (title: string) =>
  `COPY index.html /www/index.html
COPY index.html /www/admin/health
EXPOSE 8080
# ${title}; BusyBox's server knows no SIGTERM.
ENTRYPOINT ["sh", "-c", "trap 'exit 0' TERM; httpd -f -p 8080 -h /www & wait"]
`;

const RPK = `#!/bin/bash
# Of rpk: what docker-compose.yml and its health check say.
case "\${1-} \${2-}" in
  "redpanda start")
    shift 2
    export DENO_DIR=/tmp/deno
    exec /usr/bin/deno run --quiet --no-config --allow-all /opt/stand-in/deploy/checks/compose_up/redpanda.ts "$@"
    ;;
  "cluster health")
    exec 3<>/dev/tcp/127.0.0.1/9644 || exit 1
    printf 'GET /v1/cluster/health_overview HTTP/1.0\\r\\nHost: 127.0.0.1\\r\\n\\r\\n' >&3
    healthy=false
    while IFS= read -r -t 4 line <&3 || [ -n "$line" ]; do
      case "$line" in *'"is_healthy":true'*) healthy=true ;; esac
      line=
    done
    printf 'CLUSTER HEALTH OVERVIEW\\n=======================\\nHealthy:                          %s\\n' "$healthy"
    ;;
  *)
    echo "the stand-in of rpk does not know: $*" >&2
    exit 1
    ;;
esac
`;

/** What the official image's entry does, for a user that is not root. */
const POSTGRES_ENTRY = `#!/bin/bash
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  initdb --pgdata="$PGDATA" --username="$POSTGRES_USER" --auth=scram-sha-256 \\
    --pwfile=<(printf '%s\\n' "$POSTGRES_PASSWORD")
  printf 'host all all all scram-sha-256\\n' >>"$PGDATA/pg_hba.conf"
  echo "listen_addresses = '*'" >>"$PGDATA/postgresql.conf"
fi
exec "$@"
`;

/** As upstream's `docker/scripts/sh/entrypoint.sh` does. */
const SERVER_ENTRY = `#!/bin/sh
set -eu
: "\${BIND_ON_IP:=$(hostname -i)}"
export BIND_ON_IP
exec temporal-server start
`;

/** The files of the program that stands in for Redpanda. */
async function redpandaSources(): Promise<string[]> {
  const main = fileURLToPath(new URL("redpanda.ts", import.meta.url));
  const info = JSON.parse(await must(Deno.execPath(), "info", "--json", main));
  const modules: { specifier: string }[] = info.modules;
  return modules.map(({ specifier }) => specifier).filter((one) => one.startsWith("file:"))
    .map((one) => relative(fileURLToPath(ROOT), fileURLToPath(one)));
}

/**
 * All stand-ins.
 *
 * @param parts What they are made of.
 */
export async function standIns(parts: Parts): Promise<StandIn[]> {
  const { cli, server, sql } = parts.temporal;
  const deno = Deno.execPath();
  const sources = await redpandaSources();
  const root = (path: string) => fileURLToPath(new URL(path, ROOT));
  return [
    {
      image: "denoland/deno",
      is: `Debian stable with Deno ${Deno.version.deno} and tini; the packages in its cache`,
      dockerfile: `FROM ${rootImage("plain")}
RUN cp /usr/bin/tini /tini && useradd --uid 1993 --user-group deno && \\
    install --directory --owner=deno --group=deno /deno-dir
COPY deno /usr/bin/deno
ADD packages.tar /deno-dir/
ENV DENO_DIR=/deno-dir/ DENO_INSTALL_ROOT=/usr/local
ENTRYPOINT ["/tini", "--", "deno"]
CMD ["run", "--help"]
`,
      files: { deno, "packages.tar": parts.packages },
      texts: {},
    },
    {
      image: "docker.redpanda.com/redpandadata/redpanda",
      is: "Apache Kafka behind a proxy that speaks Redpanda 26.2's versions; rpk a script",
      dockerfile: `FROM ${rootImage("java")}
RUN groupadd --gid 101 redpanda && useradd --uid 101 --gid 101 --home-dir /var/lib/redpanda redpanda && \\
    install --directory --owner=redpanda --group=redpanda /etc/redpanda /var/lib/redpanda /var/lib/redpanda/data
COPY jars /opt/kafka/${KAFKA_JARS}
COPY deno /usr/bin/deno
COPY rpk /usr/bin/rpk
COPY entrypoint.sh /entrypoint.sh
COPY sources /opt/stand-in
RUN chmod 755 /usr/bin/rpk /entrypoint.sh && chmod -R a+rX /opt
USER redpanda:redpanda
ENTRYPOINT ["/entrypoint.sh"]
CMD ["redpanda", "start", "--overprovisioned"]
`,
      files: {
        deno,
        jars: parts.jars,
        ...Object.fromEntries(sources.map((path) => [`sources/${path}`, root(path)])),
      },
      texts: { rpk: RPK, "entrypoint.sh": '#!/bin/bash\nset -e\nexec /usr/bin/rpk "$@"\n' },
    },
    {
      image: "docker.redpanda.com/redpandadata/console",
      is: "a page",
      dockerfile: `${ALPINE}${page("Redpanda Console")}`,
      files: {},
      texts: { "index.html": "in place of Redpanda Console\n" },
    },
    {
      image: "temporalio/temporal",
      is: "Temporal's CLI, built here, on BusyBox",
      dockerfile: `${ALPINE}${TEMPORAL_USER}COPY temporal /usr/local/bin/temporal
USER temporal
ENTRYPOINT ["temporal"]
`,
      files: { temporal: cli },
      texts: {},
    },
    {
      image: "temporalio/server",
      is: "Temporal's server of that version, built here, on BusyBox",
      dockerfile: `${ALPINE}${TEMPORAL_USER}COPY server /usr/local/bin/temporal-server
COPY entrypoint.sh /etc/temporal/entrypoint.sh
RUN chmod 755 /etc/temporal/entrypoint.sh
WORKDIR /etc/temporal
USER temporal
ENTRYPOINT ["/etc/temporal/entrypoint.sh"]
`,
      files: { server },
      texts: { "entrypoint.sh": SERVER_ENTRY },
    },
    {
      image: "temporalio/admin-tools",
      is: "Temporal's schema tool of that version and its CLI, built here, on BusyBox",
      dockerfile: `${ALPINE}${TEMPORAL_USER}COPY sql /usr/local/bin/temporal-sql-tool
COPY temporal /usr/local/bin/temporal
COPY schema /etc/temporal/schema
RUN chmod -R a+rX /etc/temporal
USER temporal
CMD ["sh", "-c", "trap exit INT HUP TERM; sleep infinity"]
`,
      files: { sql, temporal: cli, schema: parts.schema },
      texts: {},
    },
    {
      image: "temporalio/ui",
      is: "a page",
      dockerfile: `${ALPINE}${page("Temporal's UI")}`,
      files: {},
      texts: { "index.html": "in place of Temporal's UI\n" },
    },
    {
      image: "postgres",
      is: "Debian's PostgreSQL 17",
      dockerfile: `FROM ${rootImage("postgres")}
RUN usermod --uid 999 postgres && groupmod --gid 999 postgres && \\
    install --directory --mode=1777 --owner=postgres --group=postgres /var/lib/postgresql/data && \\
    install --directory --mode=3777 --owner=postgres --group=postgres /var/run/postgresql && \\
    chown -R postgres:postgres /var/lib/postgresql
COPY docker-entrypoint.sh /usr/local/bin/docker-entrypoint.sh
RUN chmod 755 /usr/local/bin/docker-entrypoint.sh
ENV PATH=/usr/lib/postgresql/17/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \\
    PGDATA=/var/lib/postgresql/data
STOPSIGNAL SIGINT
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["postgres"]
`,
      files: {},
      texts: { "docker-entrypoint.sh": POSTGRES_ENTRY },
    },
  ];
}

/**
 * Builds a stand-in in an engine.
 *
 * @param standIn What to build.
 * @param tag The tag that Compose wants.
 * @param options The engine, and a folder to work in.
 */
export async function buildStandIn(
  { image, dockerfile, files, texts }: StandIn,
  tag: string,
  { docker, work }: {
    docker: (...args: string[]) => Promise<string>;
    work: string;
  },
): Promise<void> {
  const context = await Deno.makeTempDir({ dir: work });
  await Deno.writeTextFile(join(context, "Dockerfile"), dockerfile);
  for (const [name, text] of Object.entries(texts)) {
    await Deno.writeTextFile(join(context, name), text);
  }
  for (const [name, path] of Object.entries(files)) {
    await Deno.mkdir(dirname(join(context, name)), { recursive: true });
    await must("cp", "--recursive", "--dereference", "--reflink=auto", path, join(context, name));
  }
  await docker("build", "--quiet", "--tag", `${image}:${tag}`, context);
  await must("rm", "--recursive", "--force", context);
}

/**
 * Brings the roots into an engine.
 *
 * @param parts Where they are.
 * @param docker The engine.
 */
export async function importRoots(
  { roots }: Parts,
  docker: (...args: string[]) => Promise<string>,
): Promise<void> {
  for (const name of ["plain", "java", "postgres"] as const) {
    await docker("import", roots[name], rootImage(name));
  }
}
