import assert from "node:assert/strict";
import { TidegateError } from "../../../core/errors.ts";
import { parseTrace } from "../../../lab/simulator/trace.ts";

const STEPS = [{ atSeconds: 0, rate: 10 }, { atSeconds: 120, rate: 40.5 }];

Deno.test("trace files: CSV, with and without heading, comments and empty lines", () => {
  const texts = [
    "0,10\n120,40.5\n240,0\n",
    "seconds,rate\r\n0,10\r\n120,40.5\r\n240,0",
    "# load\n\n0, 10\n120 ,40.5\n\n240,0\n",
  ];
  for (const text of texts) {
    const trace = parseTrace("load.csv", text);
    assert.deepEqual(trace, { name: "load.csv", steps: STEPS, seconds: 240, hotShare: null });
  }
});

Deno.test("trace files: JSON lines", () => {
  const text = '{"seconds":0,"rate":10}\n{"rate":40.5,"seconds":120,"note":"x"}\n' +
    '{"seconds":240,"rate":0}\n';
  assert.deepEqual(parseTrace("load.jsonl", text).steps, STEPS);
});

Deno.test("trace files: what is wrong is named with its line", () => {
  const cases: [text: string, message: RegExp][] = [
    ["", /^Cannot read f: it must hold at least two lines$/],
    ["0,10", /at least two lines/],
    ["0,10\n5,x", /^Cannot read f line 2: it must hold seconds and rate.*got "5,x"$/],
    ["0,10\n5,", /line 2/],
    ["0,10\n5,1,1", /line 2/],
    ["0,10\n5,-1", /line 2/],
    ["0,10\n5,Infinity", /line 2/],
    ["0,10\n\n0,5\n9,0", /line 3: seconds must be more than those of the line before/],
    ['0,10\n{"seconds":5}', /line 2/],
    ["0,10\n{5,1}", /line 2/],
    ["-1,10\n5,1", /line 1/],
  ];
  for (const [text, message] of cases) {
    assert.throws(() => parseTrace("f", text), (error) => {
      assert.ok(error instanceof TidegateError, text);
      assert.equal(error.code, "TG_INPUT");
      assert.match(error.message, message);
      return true;
    });
  }
});
