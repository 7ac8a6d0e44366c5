/**
 * `deno task test`: runs every test, brings up the servers that some need, and adds up the counts.
 *
 * @module
 */

import { helpText } from "../cli/args.ts";
import { TidegateError } from "../core/errors.ts";
import { stackDown, stackUp } from "../devstack/stack.ts";
import type { StackOptions } from "../devstack/types.ts";

import { ROOT } from "./deno.ts";
import { modulesWithExamples } from "./sources.ts";
import { TEST_COMMAND, type TestPlan, testPlan } from "./test_plan.ts";
import { addCounts, formatCounts, type TestCounts, testCounts } from "./test_summary.ts";

/** Settings of the user's own shell that tests must not see. */
const SETTINGS = /^(?:KAFKA_|TEMPORAL_|TIDEGATE_(?!TEST_|CACHE$))/;

/** A run that could not take place. */
const NOT_RUN: TestCounts = { passed: 0, failed: 1, skipped: 0 };

/**
 * What integration tests may do: everything. `run` and `ffi` (Temporal's native library) end the
 * sandbox anyway, tests that ask for the whole of a permission would be left out in silence, and the
 * browser's driver looks into /proc, which Deno lets those with all permissions do only.
 */
const INTEGRATION_PERMISSIONS = ["--allow-all"];

/** Runs `deno test` with its output on ours, until its end or until we are told to stop. */
async function runTests(
  args: readonly string[],
  stop: AbortSignal,
  env: Readonly<Record<string, string>> = {},
): Promise<RunCounts> {
  const inherited = Object.entries(Deno.env.toObject()).filter(([name]) => !SETTINGS.test(name));
  // Types are the gate's business.
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", "--no-check", ...args],
    cwd: ROOT,
    clearEnv: true,
    env: { ...Object.fromEntries(inherited), ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
    signal: stop,
  }).spawn();
  const text = new TextDecoder();
  let output = "";
  for await (const chunk of child.stdout) {
    await print(chunk);
    // The summary comes last, so the end is enough.
    output = (output + text.decode(chunk, { stream: true })).slice(-65_536);
  }
  const { code, signal } = await child.status;
  // It has ended in the middle of a line, and the last one is for machines.
  if (signal !== null) console.log();
  return { ...testCounts(output, code), crash: stop.aborted ? null : signal };
}

/** The counts of a run, and the signal by which the runtime ended it in the middle; null if none. */
interface RunCounts extends TestCounts {
  readonly crash: Deno.Signal | null;
}

/**
 * Runs the tests of one place. Temporal's native library brings the runtime down now and then, whoever
 * is at work; a service is started again by whoever keeps it, and so are tests: told, and once.
 */
async function runPlace(
  args: readonly string[],
  place: string,
  stop: AbortSignal,
  env: Readonly<Record<string, string>>,
): Promise<TestCounts> {
  const first = await runTests([...args, place], stop, env);
  if (first.crash === null) return first;
  console.error(`THE RUNTIME CRASHED (${first.crash}) in ${place}: its tests are run once more`);
  return await runTests([...args, place], stop, env);
}

/** Where the tests are that need servers: each place runs in a process of its own. */
function integrationPlaces(): string[] {
  const folder = "tests/integration";
  return [...Deno.readDirSync(new URL(folder, ROOT))]
    .filter(({ isDirectory, name }) =>
      isDirectory ? !name.startsWith("_") : name.endsWith("_test.ts")
    )
    .map(({ name }) => `${folder}/${name}`)
    .sort();
}

/** Runs the tests that need servers, with servers given by the environment or of their own. */
async function runWithServers(
  args: readonly string[],
  places: readonly string[],
  stop: AbortSignal,
): Promise<TestCounts> {
  const all = [...INTEGRATION_PERMISSIONS, ...args];
  const runPlaces = async (env: Readonly<Record<string, string>>) => {
    const runs: TestCounts[] = [];
    for (const place of places) {
      if (!stop.aborted) runs.push(await runPlace(all, place, stop, env));
    }
    return addCounts(runs);
  };
  const given = ["TIDEGATE_TEST_BROKER", "TIDEGATE_TEST_TEMPORAL"];
  if (given.every((name) => Deno.env.get(name))) return await runPlaces({});

  const folder = new URL(".tidegate/", ROOT);
  Deno.mkdirSync(folder, { recursive: true });
  const options: StackOptions = {
    dataDir: Deno.makeTempDirSync({ dir: folder.pathname, prefix: "test-" }),
    brokerPort: 0,
    temporalPort: 0,
    uiPort: 0,
    sources: ["path", "built"],
    say: (line) => console.error(line),
  };
  let counts = NOT_RUN;
  try {
    const stack = await stackUp(options);
    if (!stop.aborted) {
      counts = await runPlaces({
        TIDEGATE_TEST_BROKER: stack.broker.address,
        TIDEGATE_TEST_TEMPORAL: stack.temporal.address,
        TIDEGATE_TEST_WEBUI: stack.webUi ?? "",
      });
    }
  } catch (error) {
    console.error(describe(error));
  }
  try {
    await stackDown(options);
    if (counts.failed === 0) Deno.removeSync(options.dataDir, { recursive: true });
    else console.error(`The servers' logs and data are in ${options.dataDir}`);
  } catch (error) {
    console.error(describe(error));
    counts = addCounts([counts, NOT_RUN]);
  }
  return counts;
}

/** Runs what is planned, one run after the other. */
async function runAll(plan: TestPlan, stop: AbortSignal): Promise<TestCounts> {
  const filter = plan.filter === null ? [] : ["--filter", plan.filter];
  const runs: TestCounts[] = [];
  if (plan.unit !== null) {
    const paths = plan.unit.length > 0 ? plan.unit : ["--ignore=tests/integration", "tests"];
    runs.push(await runTests(["--allow-read=.", ...filter, ...paths], stop));
    const examples = plan.unit.length > 0 || plan.filter !== null ? [] : modulesWithExamples();
    if (examples.length > 0 && !stop.aborted) {
      runs.push(await runTests(["--doc", ...examples], stop));
    }
  }
  if (plan.integration !== null && !stop.aborted) {
    const places = plan.integration.length > 0 ? plan.integration : integrationPlaces();
    runs.push(await runWithServers(filter, places, stop));
  }
  if (stop.aborted) {
    console.error("The tests were stopped before their end.");
    if (addCounts(runs).failed === 0) runs.push(NOT_RUN);
  }
  return addCounts(runs);
}

async function print(chunk: Uint8Array): Promise<void> {
  for (let rest = chunk; rest.length > 0;) rest = rest.subarray(await Deno.stdout.write(rest));
}

function describe(error: unknown): string {
  if (!(error instanceof TidegateError)) return String(error);
  return `${error.code}: ${error.message}${error.next === "" ? "" : `\n${error.next}`}`;
}

async function main(): Promise<number> {
  let plan: TestPlan | null;
  try {
    plan = testPlan(Deno.args);
  } catch (error) {
    console.error(describe(error));
    return 2;
  }
  if (plan === null) {
    console.log(helpText(TEST_COMMAND));
    return 0;
  }
  const stopping = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    // Ctrl-C comes twice: from the terminal, and handed on by `deno task`.
    Deno.addSignalListener(signal, () => stopping.abort());
  }
  const counts = await runAll(plan, stopping.signal);
  if (counts.passed + counts.failed === 0) console.error("No test has such a name.");
  console.log(formatCounts(counts));
  return counts.failed === 0 && counts.passed > 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main());
