import assert from "node:assert/strict";
import fc from "fast-check";
import { type CommandSpec, type FlagSpecs, helpText, parseCommand } from "../../cli/args.ts";
import { TidegateError } from "../../core/errors.ts";

const produce = {
  name: "produce",
  summary: "Sends generated records to the source topic.",
  flags: {
    rate: { type: "number", default: 10, min: 0, description: "Events per second." },
    count: { type: "number", integer: true, min: 1, description: "How many." },
    topic: { type: "string", description: "The topic.", env: "TOPIC" },
    order: { type: "string", choices: ["time", "none"], default: "time", description: "Order." },
    disorder: { type: "duration", default: "0s", description: "Jitter." },
    late: { type: "percent", default: "0%", description: "Share of late ones.", env: "LATE" },
    from: { type: "instant", description: "First event time." },
    json: { type: "boolean", description: "For programs.", env: "JSON_OUT" },
  },
} as const satisfies CommandSpec;

const replay = {
  name: "replay",
  summary: "Sends a file.",
  flags: {},
  positionals: [{ name: "FILE", description: "One record a line.", required: true }],
} as const satisfies CommandSpec;

/** The problems of a refused command line, without the head. */
function problemsOf<F extends FlagSpecs>(
  spec: CommandSpec<F>,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): string[] {
  try {
    parseCommand(spec, args, env);
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
  const { flags, given, help, positionals } = parseCommand(produce, []);
  const rate: number = flags.rate;
  const count: number | undefined = flags.count;
  const topic: string | undefined = flags.topic;
  const disorder: number = flags.disorder;
  const json: boolean = flags.json;
  assert.deepEqual([rate, count, topic, disorder, json], [10, undefined, undefined, 0, false]);
  assert.deepEqual([flags.order, flags.late, flags.from], ["time", 0, undefined]);
  assert.deepEqual([given.size, help, positionals.length], [0, false, 0]);
});

Deno.test("values come with a blank or an equals sign, the last one counts", () => {
  const { flags, given } = parseCommand(produce, [
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
  assert.equal(given.size, 8);
});

Deno.test("one leading -- is passed over, a later one ends the flags", () => {
  assert.equal(parseCommand(produce, ["--", "--rate", "5"]).flags.rate, 5);
  assert.deepEqual(parseCommand(replay, ["--", "--", "--odd.jsonl"]).positionals, ["--odd.jsonl"]);
});

Deno.test("a flag goes before its environment variable, an empty variable is unset", () => {
  const env = { TOPIC: "by-env", LATE: "", JSON_OUT: "true" };
  assert.deepEqual(parseCommand(produce, [], env).given, new Set(["topic", "json"]));
  assert.equal(parseCommand(produce, [], env).flags.topic, "by-env");
  assert.equal(parseCommand(produce, [], env).flags.json, true);
  assert.equal(parseCommand(produce, [], { JSON_OUT: "0" }).flags.json, false);
  assert.equal(parseCommand(produce, ["--topic", "by-flag"], env).flags.topic, "by-flag");
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

Deno.test("a wrong environment variable is named", () => {
  assert.deepEqual(problemsOf(produce, [], { LATE: "many", JSON_OUT: "perhaps" }), [
    'LATE (--late) must be a percentage from 0% to 100% such as 1% or 0.1%, got "many"',
    'JSON_OUT (--json) must be one of true, false, 1, 0, got "perhaps"',
  ]);
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
        rate: { type: "number", default: 10, description: "Events per second." },
        "a-flag-with-a-really-long-name-indeed": { type: "percent", description: "Odd." },
        topic: {
          type: "string",
          placeholder: "NAME",
          env: "TOPIC",
          description:
            "The topic that the records of the file go to, unless it is the one that the " +
            "definition names.",
        },
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
                                        the one that the definition names. [env: TOPIC]
  --help                                Shows this.
`,
  );
});

Deno.test("help only names the settings that all commands share", () => {
  const text = helpText({
    ...replay,
    flags: {
      rate: { type: "number", description: "Events per second." },
      brokers: { type: "string", description: "Where.", env: "BROKERS", brief: true },
      "data-dir": { type: "string", description: "Where.", env: "DIR", brief: true },
    },
  });
  assert.match(text, /\n {2}--help .*\n\nSettings, .*:\n {2}--brokers --data-dir\n$/);
  assert.ok(!text.includes("Where."));
});
