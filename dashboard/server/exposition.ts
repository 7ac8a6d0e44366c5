/**
 * Prometheus's text format.
 *
 * @module
 */

import type { Histogram } from "./histogram.ts";

/** A value with its labels. */
export type Sample = readonly [labels: Readonly<Record<string, string | number>>, value: number];

/** Writes metrics, a family after the other. */
export class Exposition {
  readonly #lines: string[] = [];

  /** The text. */
  get text(): string {
    return `${this.#lines.join("\n")}\n`;
  }

  /**
   * Adds a gauge or a counter.
   *
   * @param type What it is.
   * @param name Its name.
   * @param help What it tells, a sentence.
   * @param samples Its values; null or none at all where they are not known.
   */
  add(
    type: "gauge" | "counter",
    name: string,
    help: string,
    samples: readonly Sample[] | number | null,
  ): void {
    const all: readonly Sample[] = typeof samples === "number" ? [[{}, samples]] : samples ?? [];
    if (all.length === 0) return;
    this.#head(type, name, help);
    for (const [labels, value] of all) this.#line(name, labels, value);
  }

  /**
   * Adds a histogram.
   *
   * @param name Its name.
   * @param help What it tells, a sentence.
   * @param histogram Its counts.
   */
  histogram(name: string, help: string, histogram: Histogram): void {
    this.#head("histogram", name, help);
    const { cumulative, bounds, sum, count } = histogram;
    cumulative.forEach((total, i) =>
      this.#line(`${name}_bucket`, { le: String(bounds[i] ?? "+Inf") }, total)
    );
    this.#line(`${name}_sum`, {}, sum);
    this.#line(`${name}_count`, {}, count);
  }

  #head(type: string, name: string, help: string): void {
    this.#lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
  }

  #line(name: string, labels: Sample[0], value: number): void {
    const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escaped(String(text))}"`);
    this.#lines.push(`${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${value}`);
  }
}

function escaped(text: string): string {
  return text.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n");
}
