import assert from "node:assert/strict";
import fc from "fast-check";
import { z } from "zod";
import {
  address,
  addresses,
  type CommandSpec,
  duration,
  type Flags,
  helpText,
  instant,
  integer,
  number,
  parseCommand,
  percent,
  text,
  toggle,
  url,
  word,
  wordingOf,
} from "../../cli/args.ts";
import { TidegateError } from "../../core/errors.ts";

const produce = {
  name: "produce",
  summary: "Sends generated records to the source topic.",
  flags: {
    rate: number({ min: 0 }).prefault("10").describe("Events per second."),
    count: integer({ min: 1 }).optional().describe("How many."),
    topic: text().optional().describe("The topic."),
    order: word(["time", "none"]).prefault("time").describe("Order."),
    disorder: duration().prefault("0s").describe("Jitter."),
    late: percent().prefault("0%").describe("Share of late ones."),
    from: instant().optional().describe("First event time."),
    json: toggle().describe("For programs."),
  },
} satisfies CommandSpec;

const replay = {
  name: "replay",
  summary: "Sends a file.",
  flags: {},
  positionals: [{ name: "FILE", description: "One record a line.", required: true }],
} satisfies CommandSpec;

/** The problems of a refused command line, without the head. */
function problemsOf<F extends Flags>(spec: CommandSpec<F>, args: readonly string[]): string[] {
  try {
    parseCommand(spec, args);
  } catch (error) {
    assert.ok(error instanceof TidegateError);
    assert.equal(error.code, "TG_USAGE");
    assert.equal(error.next, `See the flags with: deno task ${spec.name} --help`);
    const [head, ...problems] = error.message.split("\n  ");
    assert.equal(head, `Cannot run ${spec.name}:`);
    return problems;
  }
  return [];
}

Deno.test("flags have their types, and their defaults where they are not given", () => {
  const { flags, help, positionals } = parseCommand(produce, []);
  const rate: number = flags.rate;
  const count: number | undefined = flags.count;
  const topic: string | undefined = flags.topic;
  const disorder: number = flags.disorder;
  const json: boolean = flags.json;
  assert.deepEqual([rate, count, topic, disorder, json], [10, undefined, undefined, 0, false]);
  assert.deepEqual([flags.order, flags.late, flags.from], ["time", 0, undefined]);
  assert.deepEqual([help, positionals.length], [false, 0]);
});

Deno.test("values come with a blank or an equals sign, the last one counts", () => {
  const { flags } = parseCommand(produce, [
    ...["--rate=2.5", "--rate", "3", "--count", "7", "--topic=a=b", "--order", "none"],
    ...["--disorder", "1m30s", "--late=0.1%", "--from", "2026-01-01T00:00:00Z", "--json"],
  ]);
  assert.deepEqual(flags, {
    rate: 3,
    count: 7,
    topic: "a=b",
    order: "none",
    disorder: 90_000,
    late: 0.001,
    from: Date.UTC(2026, 0, 1),
    json: true,
  });
});

Deno.test("one leading -- is passed over, a later one ends the flags", () => {
  assert.equal(parseCommand(produce, ["--", "--rate", "5"]).flags.rate, 5);
  assert.deepEqual(parseCommand(replay, ["--", "--", "--odd.jsonl"]).positionals, ["--odd.jsonl"]);
});

Deno.test("settings are handed on unchecked", () => {
  const settings = { port: integer().optional(), host: text().optional() };
  const parsed = parseCommand({ ...produce, settings }, ["--port", "x", "--rate=5"]);
  assert.deepEqual([parsed.settings, parsed.flags.rate], [{ port: "x" }, 5]);
});

Deno.test("all problems are found at once, each with its flag", () => {
  const args = [
    ...["--rate", "fast", "--count=1.5", "--order", "size", "--disorder", "5", "--late", "2"],
    ...["--from=monday", "--json=yes", "--topic"],
  ];
  assert.deepEqual(problemsOf(produce, args), [
    "--json takes no value",
    "--topic needs a value",
    '--rate must be a number of at least 0, got "fast"',
    '--count must be a whole number of at least 1, got "1.5"',
    '--order must be one of time, none, got "size"',
    '--disorder must be a duration such as 500ms, 10s, 1m or 2h, got "5"',
    '--late must be a percentage from 0% to 100% such as 1% or 0.1%, got "2"',
    '--from must be an ISO 8601 time with its zone such as 2026-01-31T09:00:00Z, got "monday"',
  ]);
});

Deno.test("a flag without its value does not swallow the next flag", () => {
  assert.deepEqual(problemsOf(produce, ["--topic", "--rate", "x", "--nope"]), [
    "--topic needs a value",
    "there is no flag --nope",
    '--rate must be a number of at least 0, got "x"',
  ]);
  assert.equal(parseCommand(produce, ["--topic=--odd"]).flags.topic, "--odd");
});

Deno.test("a negative number is a value", () => {
  const problems = problemsOf(produce, ["--rate", "-5"]);
  assert.deepEqual(problems, ['--rate must be a number of at least 0, got "-5"']);
});

Deno.test("unknown flags and needless arguments are refused, also names of Object's own", () => {
  assert.deepEqual(problemsOf(produce, ["--rat", "5"]), ["there is no flag --rat"]);
  assert.deepEqual(problemsOf(produce, ["-r"]), ["there is no flag -r"]);
  assert.deepEqual(problemsOf(produce, ["--constructor", "--__proto__=1"]), [
    "there is no flag --constructor",
    "there is no flag --__proto__",
  ]);
  assert.deepEqual(problemsOf(produce, ["extra"]), ['there is no use for "extra"']);
  assert.deepEqual(problemsOf(replay, []), ["FILE must be given"]);
  assert.deepEqual(problemsOf(replay, ["a", "b"]), ['there is no use for "b"']);
});

Deno.test("help is given whatever else is wrong", () => {
  for (const flag of ["--help", "-h"]) {
    const { help, flags } = parseCommand(produce, ["--rate", "fast", flag, "--nope"]);
    assert.equal(help, true);
    assert.equal(flags.rate, 10);
  }
});

Deno.test("property: any list of words is read or refused, never worse", () => {
  const word = fc.oneof(fc.string(), fc.constantFrom("--rate", "--json", "--", "-h", "1", "--x=1"));
  fc.assert(fc.property(fc.array(word), (args) => {
    try {
      parseCommand(produce, args);
    } catch (error) {
      assert.ok(error instanceof TidegateError);
    }
  }));
});

Deno.test("the help text is aligned, plain and complete", () => {
  assert.equal(
    helpText({
      ...replay,
      flags: {
        rate: number().prefault("10").describe("Events per second."),
        "a-flag-with-a-really-long-name-indeed": percent().optional().describe("Odd."),
        topic: text("NAME").prefault("a").describe(
          "The topic that the records of the file go to, unless it is the one that the " +
            "definition names.",
        ),
      },
    }),
    `\
Usage: deno task replay FILE [flags]

Sends a file.

  FILE                                  One record a line.
  --rate N                              Events per second. [default: 10]
  --a-flag-with-a-really-long-name-indeed PERCENT
                                        Odd.
  --topic NAME                          The topic that the records of the file go to, unless it is
                                        the one that the definition names. [default: a]
  --help                                Shows this.
`,
  );
});

Deno.test("help only names the settings that all commands share", () => {
  const help = helpText({
    ...replay,
    flags: {
      rate: number().optional().describe("Events per second."),
    },
    settings: {
      brokers: text().optional().describe("Where."),
      "data-dir": text().optional().describe("Where."),
    },
  });
  assert.match(help, /\n {2}--help .*\n\nSettings, .*:\n {2}--brokers --data-dir\n$/);
  assert.ok(!help.includes("Where."));
});

/** Reads a value; undefined where the text is none of its kind. */
function read<T>(schema: z.ZodType<T>, given: string): T | undefined {
  return schema.safeParse(given).data;
}

Deno.test("a percentage is read as a fraction", () => {
  const cases: readonly [string, number | undefined][] = [
    ["1%", 0.01],
    ["0.1%", 0.001],
    ["0%", 0],
    ["0", 0],
    ["100%", 1],
    ["33.3%", 33.3 / 100],
    ["100.1%", undefined],
    ["1", undefined],
    ["-1%", undefined],
    ["1 %", undefined],
    ["%", undefined],
    [".5%", undefined],
    ["1e1%", undefined],
    ["", undefined],
  ];
  for (const [given, value] of cases) assert.equal(read(percent(), given), value, given);
});

Deno.test("property: every percentage with up to three decimals is read back", () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 100_000 }), (thousandths) => {
    assert.equal(read(percent(), `${thousandths / 1000}%`), thousandths / 1000 / 100);
  }));
});

Deno.test("numbers are decimal, within their bounds, and nothing that Number() takes beside", () => {
  const kind = number({ min: 0, max: 10 });
  assert.equal(wordingOf(kind).must, "a number from 0 to 10");
  for (const [given, value] of [["0", 0], ["2.5", 2.5], ["1e1", 10], ["+3", 3]] as const) {
    assert.equal(read(kind, given), value);
  }
  for (const given of ["", " 1", "0x1", "Infinity", "NaN", "1_000", "-0.1", "10.1", "1,5", "--1"]) {
    assert.equal(read(kind, given), undefined, given);
  }
  assert.equal(read(number(), "1e999"), undefined);
});

Deno.test("whole numbers have no fraction and are exact", () => {
  const kind = integer({ min: 1 });
  assert.equal(wordingOf(kind).must, "a whole number of at least 1");
  assert.equal(read(kind, "7"), 7);
  assert.equal(read(kind, "9007199254740991"), 9007199254740991);
  for (const given of ["0", "1.5", "9007199254740993"]) assert.equal(read(kind, given), undefined);
  assert.equal(wordingOf(integer({ max: 3 })).must, "a whole number of at most 3");
});

Deno.test("durations are in ms and within their bounds", () => {
  const kind = duration({ min: 1000, max: 60_000 });
  assert.equal(wordingOf(kind).must, "a duration such as 500ms, 10s, 1m or 2h from 1s to 1m");
  assert.equal(read(kind, "1m"), 60_000);
  for (const given of ["999ms", "61s", "10", "", "-1s"]) assert.equal(read(kind, given), undefined);
});

Deno.test("instants carry their zone", () => {
  assert.equal(read(instant(), "2026-01-31T09:00:00Z"), Date.UTC(2026, 0, 31, 9));
  assert.equal(read(instant(), "2026-01-31T10:00:00+01:00"), Date.UTC(2026, 0, 31, 9));
  for (const given of ["2026-01-31", "2026-01-31T09:00:00", "yesterday", ""]) {
    assert.equal(read(instant(), given), undefined, given);
  }
});

Deno.test("addresses are host:port", () => {
  assert.deepEqual(read(addresses(), "a:1, b.example:9092,[::1]:65535"), [
    "a:1",
    "b.example:9092",
    "[::1]:65535",
  ]);
  const wrong = ["", "a", "a:", ":1", "a:0", "a:65536", "http://a:1", "a:1,", "a b:1", "::1:9"];
  for (const given of wrong) {
    assert.equal(read(addresses(), given), undefined, given);
    assert.equal(read(address(), given), undefined, given);
  }
  assert.equal(read(address(), "a:1,b:2"), undefined);
});

Deno.test("one of a few words, and any text but none", () => {
  const kind = word(["plain", "scram-256"]);
  assert.equal(wordingOf(kind).must, "one of plain, scram-256");
  assert.equal(read(kind, "plain"), "plain");
  assert.equal(read(kind, "PLAIN"), undefined);
  assert.equal(read(text(), "x"), "x");
  assert.equal(read(text(), ""), undefined);
});

Deno.test("web pages are http:// or https://", () => {
  for (const given of ["http://localhost:8233", "https://a.example/x?y"]) {
    assert.equal(read(url(), given), given);
  }
  for (const given of ["ftp://a", "localhost:8233", "http//a", ""]) {
    assert.equal(read(url(), given), undefined, given);
  }
});

Deno.test("a schema that can't be explained is refused", () => {
  assert.throws(() => wordingOf(z.string().optional()), /must be made by a function of args\.ts/);
});
