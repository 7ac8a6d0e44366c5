/**
 * A sign of life that the system takes away with the process: a locked file in the data folder, in
 * which the holder's id stands. Whoever can lock it knows that the one whose id it finds has died,
 * also in another container that shares the folder, where process numbers mean nothing.
 *
 * @module
 */

/** A control process's sign of life. */
export interface Life extends Disposable {
  /** The id of a process that has died; null if none is known. */
  readonly dead: string | null;
}

/**
 * Gives a sign of life until it is disposed of, or the process ends.
 *
 * @param dataDir The data folder.
 * @param pipeline The pipeline's name.
 * @param id The process's id.
 * @returns Null where another process gives it, or the folder can't be locked.
 */
export async function giveLife(
  dataDir: string,
  pipeline: string,
  id: string,
): Promise<Life | null> {
  let file: Deno.FsFile | undefined;
  try {
    await Deno.mkdir(dataDir, { recursive: true });
    const path = `${dataDir}/control-${pipeline}.lock`;
    file = await Deno.open(path, { read: true, write: true, create: true });
    if (!await file.tryLock(true)) {
      file.close();
      return null;
    }
    const before = new TextDecoder().decode(await Deno.readFile(path)).trim();
    await file.truncate(0);
    await file.write(new TextEncoder().encode(id));
    const locked = file;
    return { dead: before === "" ? null : before, [Symbol.dispose]: () => locked.close() };
  } catch {
    file?.close();
    return null;
  }
}
