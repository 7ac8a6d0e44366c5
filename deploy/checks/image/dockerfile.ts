/**
 * Reads a Dockerfile: as much of its language as ours uses, and an error for anything else.
 *
 * @module
 */

/** One step of a stage. */
export type Step =
  /** Runs a shell command. */
  | { readonly kind: "run"; readonly command: string }
  /** Copies files from the context, or from another stage. */
  | {
    readonly kind: "copy";
    readonly from: string | null;
    readonly chown: string | null;
    readonly sources: readonly string[];
    readonly target: string;
  }
  /** Changes what following steps, or the container, run with. */
  | { readonly kind: "workdir"; readonly path: string }
  | { readonly kind: "user"; readonly user: string }
  | { readonly kind: "env"; readonly values: ReadonlyMap<string, string> }
  | { readonly kind: "label"; readonly values: ReadonlyMap<string, string> }
  | { readonly kind: "expose"; readonly port: string }
  | { readonly kind: "entrypoint"; readonly words: readonly string[] }
  | { readonly kind: "cmd"; readonly words: readonly string[] };

/** One stage. */
export interface Stage {
  /** Its name; empty for one without. */
  readonly name: string;
  /** The image it begins with. */
  readonly base: string;
  /** Its steps. */
  readonly steps: readonly Step[];
}

/**
 * Reads a Dockerfile.
 *
 * @param text The Dockerfile.
 * @returns Its stages, the image's own last.
 * @throws {SyntaxError} On an instruction or form that is not known here.
 */
export function parseDockerfile(text: string): Stage[] {
  const stages: { name: string; base: string; steps: Step[] }[] = [];
  for (const line of instructions(text)) {
    const match = /^([A-Z]+)\s+(.*)$/s.exec(line);
    const [, name = "", rest = ""] = match ?? [];
    if (name === "FROM") {
      const [base = "", as, stage = ""] = rest.split(/\s+/);
      if (as !== undefined && as.toUpperCase() !== "AS") throw unknown(line);
      stages.push({ name: stage, base, steps: [] });
      continue;
    }
    const stage = stages.at(-1);
    if (stage === undefined) throw unknown(line);
    stage.steps.push(stepOf(name, rest, line));
  }
  return stages;
}

/** Lines without comments, continued ones as one. */
function instructions(text: string): string[] {
  const lines = text.split("\n").filter((line) => !/^\s*#/.test(line));
  return lines.join("\n").replace(/\\\n/g, " ").split("\n")
    .map((line) => line.trim()).filter((line) => line !== "");
}

function stepOf(name: string, rest: string, line: string): Step {
  switch (name) {
    case "RUN":
      if (rest.startsWith("[") || rest.startsWith("--")) throw unknown(line);
      return { kind: "run", command: rest };
    case "COPY":
      return copyOf(rest, line);
    case "WORKDIR":
      return { kind: "workdir", path: rest };
    case "USER":
      return { kind: "user", user: rest };
    case "ENV":
      return { kind: "env", values: pairs(rest, line) };
    case "LABEL":
      return { kind: "label", values: pairs(rest, line) };
    case "EXPOSE":
      return { kind: "expose", port: rest };
    case "ENTRYPOINT":
      return { kind: "entrypoint", words: list(rest, line) };
    case "CMD":
      return { kind: "cmd", words: list(rest, line) };
    default:
      throw unknown(line);
  }
}

function copyOf(rest: string, line: string): Step {
  const words = rest.split(/\s+/);
  const flags = words.filter((word) => word.startsWith("--"));
  const paths = words.filter((word) => !word.startsWith("--"));
  const flag = (name: string) =>
    flags.find((one) => one.startsWith(`--${name}=`))?.slice(name.length + 3) ?? null;
  const isKnown = flags.every((one) => /^--(?:from|chown)=/.test(one));
  const target = paths.pop();
  if (!isKnown || target === undefined || paths.length === 0) throw unknown(line);
  return { kind: "copy", from: flag("from"), chown: flag("chown"), sources: paths, target };
}

function pairs(rest: string, line: string): Map<string, string> {
  const pair = /([\w.]+)=(?:"([^"]*)"|([^\s"]+))/g;
  if (rest.replace(pair, "").trim() !== "") throw unknown(line);
  const found = [...rest.matchAll(pair)];
  return new Map(found.map(([, key = "", quoted, bare]) => [key, quoted ?? bare ?? ""]));
}

function list(rest: string, line: string): string[] {
  const words: unknown = rest.startsWith("[") ? JSON.parse(rest) : null;
  if (!Array.isArray(words)) throw unknown(line);
  return words.map(String);
}

function unknown(line: string): SyntaxError {
  return new SyntaxError(`Cannot read the Dockerfile: "${line}" is of a form not known here`);
}
