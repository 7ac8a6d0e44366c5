/**
 * A clean root folder in place of a container: the base image's content made by debootstrap, and
 * programs in it in mount and process namespaces of their own. Needs root.
 *
 * @module
 */

import { thisMachine } from "../../../devstack/machine.ts";

/** How a program runs in a root. */
export interface RootRun {
  /** The root folder. */
  readonly root: string;
  /** `user:group`, as numbers. */
  readonly user: string;
  /** The working folder. */
  readonly cwd: string;
  /** Its whole environment. */
  readonly env: ReadonlyMap<string, string>;
  /** The program and its arguments. */
  readonly words: readonly string[];
  /**
   * A folder to mount at `/data`; the rest of the root is read-only then, but for `/tmp`.
   * @default the whole root can be written to
   */
  readonly volume?: string;
}

/**
 * Runs a program, waits for its end, and throws with its output if it failed.
 *
 * @param program The program.
 * @param args Its arguments.
 * @returns What it printed.
 */
export async function must(program: string, ...args: string[]): Promise<string> {
  const ran = await thisMachine.run(program, args, { timeoutMs: 900_000 });
  if (ran?.code === 0) return ran.stdout;
  throw new Error(
    `${program} ${args.join(" ")} failed: ${ran === null ? "there is no such program" : ""}` +
      `${ran?.stdout.slice(-2_000) ?? ""}${ran?.stderr.slice(-2_000) ?? ""}`,
  );
}

/**
 * Makes the root of `denoland/deno`: Debian stable, slim, with `/tini`, Deno, the user `deno` (1993)
 * and `DENO_DIR` (as its Dockerfile says). Debian's part is made once and kept.
 *
 * @param cacheDir Where Debian's part is kept.
 * @param root The folder to make.
 * @returns The environment that the base image sets.
 */
export async function makeDenoRoot(cacheDir: string, root: string): Promise<Map<string, string>> {
  const debian = `${cacheDir}/debian-stable-${Deno.build.arch}`;
  if (!await thisMachine.exists(debian)) {
    console.log("making a clean Debian (1 to 2 minutes, once)");
    const draft = `${debian}.tmp-${Deno.pid}`;
    const packages = "--include=tini,ca-certificates";
    await must("debootstrap", "--variant=minbase", packages, "stable", draft);
    await Deno.rename(draft, debian);
  }
  await must("cp", "--archive", "--reflink=auto", debian, root);
  await Deno.copyFile(`${root}/usr/bin/tini`, `${root}/tini`);
  await Deno.copyFile(Deno.execPath(), `${root}/usr/bin/deno`);
  await must("chmod", "755", `${root}/tini`, `${root}/usr/bin/deno`);
  await must("chroot", root, "useradd", "--uid", "1993", "--user-group", "deno");
  await must("chroot", root, "install", "--directory", "--owner=deno", "--group=deno", "/deno-dir");
  return new Map([
    ["PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
    ["DENO_DIR", "/deno-dir/"],
    ["DENO_INSTALL_ROOT", "/usr/local"],
  ]);
}

/** Mounts what a container has, and becomes the program, as process 1 of its namespace. */
const ENTER = `
set -eu
root="$1" volume="$2" user="$3"
shift 3
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
if [ -n "$volume" ]; then
  mount --bind "$volume" "$root/data"
  mount -t tmpfs tmpfs "$root/tmp"
  mount -o remount,bind,ro "$root"
fi
exec chroot --userspec="$user" "$root" /usr/bin/env --ignore-environment "$@"
`;

/**
 * The command line that runs a program in a root. The network is this machine's.
 *
 * @param run What to run.
 * @returns A program and its arguments.
 */
export function rootCommand({ root, user, cwd, env, words, volume }: RootRun): string[] {
  return [
    ...["unshare", "--mount", "--pid", "--fork", "--kill-child"],
    ...["sh", "-c", ENTER, "enter", root, volume ?? "", user],
    ...[`--chdir=${cwd}`, ...[...env].map(([name, value]) => `${name}=${value}`)],
    ...words,
  ];
}
