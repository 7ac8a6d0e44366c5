/** Whether this run may start programs, use files and ports, and read the environment. */
export const MAY_RUN = (["run", "read", "write", "net", "env", "sys", "ffi"] as const)
  .every((name) => Deno.permissions.querySync({ name }).state === "granted");

/** Runs work with an empty folder of its own, removed afterwards. */
export async function inScratch<T>(work: (dir: string) => Promise<T>): Promise<T> {
  const dir = await Deno.makeTempDir({ prefix: "tidegate-local-" });
  try {
    return await work(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}
