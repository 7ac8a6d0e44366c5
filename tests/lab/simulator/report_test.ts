import assert from "node:assert/strict";
import { svgPicture, textChart } from "../../../lab/simulator/charts.ts";
import {
  chartLines,
  compare,
  comparisonPicture,
  comparisonRows,
} from "../../../lab/simulator/report.ts";
import { constantTrace, type Trace } from "../../../lab/simulator/trace.ts";

const TRACE: Trace = {
  ...constantTrace(10, 60),
  name: "short",
  steps: [{ atSeconds: 0, rate: 10 }, { atSeconds: 30, rate: 40 }],
};

Deno.test("charts: bars of eighths, the largest figure of a column, scale and time", () => {
  const points = [[0, 1], [1, 2], [2, 4], [3, 8], [4, 0], [5, 0], [6, 6], [7, 5]] as const;
  assert.deepEqual(textChart({ title: "workers", points, seconds: 8, width: 4, height: 2 }), [
    "workers",
    "   8 ┤ █ ▄",
    "   0 ┤▄█ █",
    "     └────",
    "      0 8 s",
  ]);
});

Deno.test("charts: a column without a figure holds the one before; nothing at all is empty", () => {
  const lines = textChart({ title: "t", points: [[0, 1]], seconds: 4, width: 4, height: 1 });
  assert.equal(lines[1], "   1 ┤████");
  assert.deepEqual(
    textChart({ title: "t", points: [], seconds: 4, width: 4, height: 1 })[1],
    "   1 ┤",
  );
});

Deno.test("a comparison: five scalers, medians, savings against the static fleet", () => {
  const lines = compare(() => TRACE, [1, 2, 3]);
  assert.deepEqual(lines.map((line) => line.scaler), [
    "Tidegate",
    "Spark dynamic allocation",
    "KEDA default",
    "KEDA tuned",
    "static 4",
  ]);
  const [ours, , , , fixed] = lines;
  assert.ok(ours !== undefined && fixed !== undefined);
  assert.deepEqual([fixed.saved, fixed.median.workerSeconds, fixed.median.changes], [0, 240, 0]);
  assert.equal(ours.saved, 1 - ours.median.workerSeconds / 240);
  for (const line of lines) assert.ok(line.worst.thetaU >= line.median.thetaU);

  const table = comparisonRows(lines);
  assert.equal(table.length, 6);
  assert.match(
    table[0]?.join(" ") ?? "",
    /θ_U.*θ_O.*τ_U.*τ_O.*over.*worker-s.*saved.*p99 delay.*reversals$/,
  );
  assert.deepEqual(new Set(table.map((row) => row.length)), new Set([12]));
  assert.ok(chartLines(lines).some((line) => line.startsWith("workers of Tidegate")));

  const picture = comparisonPicture('a <load> & "more"', lines);
  assert.match(picture, /^<svg xmlns=/);
  assert.match(picture, /a &lt;load> &amp; &quot;more&quot;/);
  assert.equal(picture.match(/<path /g)?.length, 1 + 5 + 2 * 5);
  for (const { scaler } of lines) assert.ok(picture.includes(`Workers: ${scaler}`));
  assert.ok(!picture.includes("NaN"));
});

Deno.test("pictures: steps hold their figure to the end, areas are closed", () => {
  const points = [[0, 1], [5, 1], [10, 2]] as const;
  const draw = (kind: "area" | "step" | "line") =>
    svgPicture({
      title: "t",
      seconds: 20,
      panels: [{ title: "p", series: [{ name: "s", color: "#000", kind, points }] }],
    }).match(/ d="([^"]+)"/)?.[1];
  assert.match(draw("step") ?? "", /^M56 \S+H500V\S+H944$/);
  assert.match(draw("area") ?? "", /^M56 .*H944V150H56Z$/);
  assert.match(draw("line") ?? "", /^M56 \S+L278 \S+L500 \S+$/);
});
