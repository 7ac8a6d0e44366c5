/** The root of the project, with a slash at its end. */
const ROOT = decodeURIComponent(new URL("../../", import.meta.url).pathname);

/**
 * A file's path below the root of the project, with forward slashes.
 *
 * @param filename Absolute (from `deno lint` and editors) or already relative (from tests).
 * @returns The relative path, or null if the file lies elsewhere.
 */
export function projectPath(filename: string): string | null {
  const path = filename.replaceAll("\\", "/").replace(/^(?=[A-Za-z]:\/)/, "/");
  if (path.startsWith(ROOT)) return path.slice(ROOT.length);
  return path.startsWith("/") ? null : path;
}
