/**
 * The load test's report as a page that stands alone: the picture, and the lines.
 *
 * @module
 */

import type { ChartPoint } from "../simulator/chart.ts";
import { svgPicture } from "../simulator/svg.ts";
import { ratePoints, type SpikeReport } from "./report.ts";
import { lagOf, processesOf, type TimelinePoint } from "./timeline.ts";

/**
 * Draws rate, lag, workers and the watermark's delay over time.
 *
 * @param report The report.
 * @returns The SVG's text.
 */
export function spikePicture({ timeline }: Pick<SpikeReport, "timeline">): string {
  const [first] = timeline;
  const startMs = first?.atMs ?? 0;
  const seconds = Math.max(1, ((timeline.at(-1)?.atMs ?? 0) - startMs) / 1000);
  const over = (figure: (point: TimelinePoint) => number): ChartPoint[] =>
    timeline.map((point) => [(point.atMs - startMs) / 1000, figure(point)] as const);
  return svgPicture({
    title: "Tidegate: load, lag and workers",
    seconds,
    panels: [
      {
        title: "events per second",
        series: [{ name: "input", color: "#1f77b4", kind: "step", points: ratePoints(timeline) }],
      },
      {
        title: "lag, events",
        series: [{ name: "lag", color: "#d62728", kind: "line", points: over(lagOf) }],
      },
      {
        title: "workers",
        series: [
          { name: "processes", color: "#9467bd", kind: "area", points: over(processesOf) },
          { name: "wanted", color: "#ff7f0e", kind: "step", points: over((p) => p.desired) },
          { name: "ready", color: "#2ca02c", kind: "step", points: over((p) => p.ready) },
        ],
      },
      {
        title: "watermark behind the clock, s",
        series: [{
          name: "watermark",
          color: "#8c564b",
          kind: "line",
          points: timeline.flatMap(({ atMs, watermarkDelayMs }) =>
            watermarkDelayMs === null
              ? []
              : [[(atMs - startMs) / 1000, watermarkDelayMs / 1000] as const]
          ),
        }],
      },
    ],
  });
}

/**
 * Makes the page.
 *
 * @param report The report.
 * @param lines The report in lines.
 * @returns The page's text.
 */
export function spikePage(report: SpikeReport, lines: readonly string[]): string {
  return [
    "<!doctype html>",
    '<html lang="en"><head><meta charset="utf-8"><title>Tidegate spike</title></head>',
    '<body style="margin: 2rem; font-family: sans-serif">',
    spikePicture(report),
    `<pre>${escaped(lines.join("\n"))}</pre>`,
    "</body></html>",
    "",
  ].join("\n");
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
