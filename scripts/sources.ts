import { ROOT } from "./deno.ts";
import { ROOMS } from "./lint/rooms.ts";

const ROOM_FOLDERS: ReadonlySet<string> = new Set(
  Object.keys(ROOMS).map((room) => room.split("/")[0] ?? room),
);

/**
 * Every TypeScript file of the rooms, relative to the root, sorted.
 *
 * @returns Paths with forward slashes.
 */
export function sources(): string[] {
  const found: string[] = [];
  const walk = (folder: string) => {
    for (const entry of Deno.readDirSync(new URL(folder, ROOT))) {
      if (entry.isDirectory) walk(`${folder}${entry.name}/`);
      else if (entry.isFile && entry.name.endsWith(".ts")) found.push(folder + entry.name);
    }
  };
  for (const entry of Deno.readDirSync(ROOT)) {
    if (entry.isDirectory) {
      if (ROOM_FOLDERS.has(entry.name)) walk(`${entry.name}/`);
    } else if (entry.isFile && entry.name.endsWith(".ts")) {
      found.push(entry.name);
    }
  }
  return found.sort();
}

/**
 * The modules that others may import: all but the tests and the files whose name begins with `_`.
 *
 * @returns Paths relative to the root.
 */
export function publicModules(): string[] {
  return sources().filter((path) => !path.startsWith("tests/") && !/(?:^|\/)_[^/]*$/.test(path));
}

/**
 * The public modules whose docs hold examples that run.
 *
 * @returns Paths relative to the root.
 */
export function modulesWithExamples(): string[] {
  return publicModules().filter((path) => /^\s*\* ```ts\b/m.test(readSource(path)));
}

/**
 * Reads a file of the project.
 *
 * @param path Relative to the root.
 * @returns Its text.
 */
export function readSource(path: string): string {
  return Deno.readTextFileSync(new URL(path, ROOT));
}
