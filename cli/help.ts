/**
 * The text that explains a command.
 *
 * @module
 */

import { type CommandSpec, type FlagSpec, kindOf, type SwitchFlag } from "./flags.ts";

/** Stands for a blank at which a line must not break. */
const UNBROKEN = "\u00a0";

/**
 * The text of `--help`: plain, aligned, at most 100 columns where words allow.
 *
 * @param spec The command.
 * @returns The text, ending in a line break.
 */
export function helpText(spec: CommandSpec): string {
  const positionals = spec.positionals ?? [];
  const usage = positionals.map(({ name, required, rest }) => {
    const word = rest === true ? `${name}…` : name;
    return required === true ? word : `[${word}]`;
  });
  const all = Object.entries(spec.flags);
  const brief = all.filter(([, flag]) => flag.brief === true).map(([name]) => `--${name}`);
  const flags = all.filter(([, flag]) => flag.brief !== true).map(([name, flag]): [
    string,
    string,
  ] => [
    flag.type === "boolean" ? `--${name}` : `--${name} ${placeholderOf(flag)}`,
    flag.description + hintsOf(flag),
  ]);
  const rows: readonly [string, string][] = [
    ...positionals.map(({ name, description }): [string, string] => [name, description]),
    ...flags,
    ["--help", "Shows this."],
  ];
  const width = Math.min(36, Math.max(...rows.map(([left]) => left.length)));
  return [
    `Usage: deno task ${[spec.name, ...usage, "[flags]"].join(" ")}`,
    "",
    ...wrap(spec.summary, 100),
    "",
    ...rows.flatMap(([left, right]) => {
      const [first = "", ...more] = wrap(right, 100 - width - 4);
      const head = left.length > width
        ? [`  ${left}`, `  ${" ".repeat(width)}  ${first}`]
        : [`  ${left.padEnd(width)}  ${first}`];
      return [...head, ...more.map((line) => `  ${" ".repeat(width)}  ${line}`)];
    }),
    ...(brief.length === 0 ? [] : [
      "",
      "Settings, each also an environment variable, explained in docs/operations.md:",
      ...wrap(brief.join(" "), 98).map((line) => `  ${line}`),
    ]),
    "",
  ].join("\n");
}

function placeholderOf(flag: Exclude<FlagSpec, SwitchFlag>): string {
  if (flag.type === "string" && flag.placeholder !== undefined) return flag.placeholder;
  return kindOf(flag).placeholder;
}

function hintsOf(flag: FlagSpec): string {
  const hints = [
    flag.type !== "boolean" && flag.default !== undefined ? `default: ${flag.default}` : "",
    flag.env === undefined ? "" : `env: ${flag.env}`,
  ].filter((hint) => hint !== "");
  return hints.length === 0 ? "" : ` [${hints.join(", ").replaceAll(" ", UNBROKEN)}]`;
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else {
      lines.push(word);
    }
  }
  return lines.map((line) => line.replaceAll(UNBROKEN, " "));
}
