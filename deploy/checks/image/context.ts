/**
 * What a Dockerfile may copy: the project without what .dockerignore keeps out.
 *
 * @module
 */

/**
 * Lets only what .dockerignore allows through: ours keeps everything out and names what is let in.
 *
 * @param dockerignore The file's text.
 * @returns Whether a path, relative to the root, is let in.
 * @throws {SyntaxError} On a pattern of a form that is not known here.
 */
export function contextFilter(dockerignore: string): (path: string) => boolean {
  const lines = dockerignore.split("\n").map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  const rules = lines.map((line) => {
    const allow = line.startsWith("!");
    const pattern = allow ? line.slice(1) : line;
    if (/[?[\]\\]/.test(pattern)) {
      throw new SyntaxError(`Cannot read .dockerignore: "${line}" is of a form not known here`);
    }
    const expression = pattern.split("/").map((part) =>
      part === "**" ? "(?:.*/)?" : `${part.replaceAll(".", "\\.").replaceAll("*", "[^/]*")}/`
    ).join("");
    // A rule for a folder is one for all that is in it.
    return { allow, matches: new RegExp(`^${expression}`) };
  });
  return (path) =>
    rules.reduce((isIn, { allow, matches }) => matches.test(`${path}/`) ? allow : isIn, true);
}
