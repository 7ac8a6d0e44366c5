/**
 * The commands: what each is called with. Their actions stand in files of their own, which are
 * loaded when one runs, so that help and tests load no client.
 *
 * @module
 */

import {
  type CommandSpec,
  duration,
  instant,
  integer,
  number,
  type ParsedArgs,
  percent,
  text,
  toggle,
  word,
} from "../cli/args.ts";
import { settingFlags } from "../cli/config.ts";
import { MOST_WORKERS } from "../core/scaling/fleet.ts";
import { TRACE_NAMES } from "../lab/simulator/trace.ts";

const SETTINGS = settingFlags();
const { pipeline: _, ...WITHOUT_PIPELINE } = SETTINGS;

const json = toggle().describe("Print one line of JSON");
const workerCount = () => integer({ min: 0, max: MOST_WORKERS }).optional();

/** The flags of commands that start a control process. */
const CONTROL = {
  workers: integer({ min: 0, max: 1_000 }).optional()
    .describe("A fixed number of worker processes, whatever the load"),
  "new-generation": toggle()
    .describe("Begin anew: results of the generation before stay, its open windows end"),
  "same-meaning": toggle()
    .describe(
      "The definition's code has changed and means the same for every record: go on with it",
    ),
  from: text("POSITION").optional()
    .describe("Where a new generation begins: earliest, latest, or an ISO time"),
};

const topic = text().optional().describe("Another topic than the pipeline's source topic");

/** The commands by name. */
export const SPECS = {
  audit: {
    summary:
      "Adds the account up, and measures windows and topics against it: exit 1 if they differ",
    flags: { json: toggle().describe("Print the account as JSON") },
    settings: SETTINGS,
  },
  bench: {
    summary: "Measures every budget and prints it beside its goal and beside durable Flink",
    flags: {
      only: text("ROW[,ROW]").optional().describe("These rows only"),
      list: toggle().describe("Print the rows' names instead"),
      pairs: integer({ min: 1 }).prefault("1").describe("How often each engine is measured"),
      seconds: integer({ min: 10 }).prefault("60")
        .describe("How long a part with live events lasts"),
      patience: integer({ min: 0 }).prefault("0")
        .describe("How long each part waits at most for a quiet machine, in s"),
      events: integer({ min: 1000 }).prefault("2000000").describe("Events of the backlog"),
      keep: text("FOLDER").optional().describe("Keep all that was measured, a file a row"),
      json: toggle().describe("Print all that was measured as one line of JSON"),
    },
    settings: settingFlags(["TIDEGATE_DATA_DIR", "TIDEGATE_CACHE"]),
  },
  demo: {
    summary: "Shows the whole path in about a minute: produce, fold, close windows, audit",
    flags: {
      seconds: number({ min: 1 }).prefault("45").describe("How long to produce"),
      rate: number({ min: 1 }).prefault("40").describe("Events per second"),
      partitions: integer({ min: 1, max: 1_024 }).prefault("4")
        .describe("Partitions of the topic"),
    },
    settings: SETTINGS,
  },
  exclude: {
    summary: "Gives a partition up: the watermark no longer waits for it",
    flags: {
      partition: integer({ min: 0 }).optional().describe("The partition"),
      json: toggle().describe("Print the partition's state as JSON"),
    },
    settings: SETTINGS,
  },
  produce: {
    summary: "Sends generated events to the pipeline's source topic",
    flags: {
      rate: number({ min: 0.001 }).prefault("10").describe("Events per second and producer"),
      seconds: number({ min: 0 }).optional().describe("How long; until Ctrl-C if left out"),
      producers: integer({ min: 1 }).prefault("1").describe("How many producers"),
      seed: integer().prefault("1").describe("Same seed, same events"),
      disorder: duration().prefault("0").describe("Event times lie back by up to this"),
      late: percent().prefault("0%").describe("Share of events behind the watermark"),
      invalid: percent().prefault("0%").describe("Share of records that break the schema"),
      skewed: percent().prefault("0%").describe("Share of events from the future"),
      duplicates: percent().prefault("0%").describe("Share of records sent twice"),
      count: integer({ min: 0 }).optional().describe("How many, as fast as possible"),
      from: instant().optional()
        .describe("Event time of the first, sent as fast as possible"),
      topic,
      json: toggle().describe("Print a summary as JSON"),
    },
    settings: SETTINGS,
  },
  replay: {
    summary: "Sends the lines of a file to the pipeline's source topic",
    flags: { topic, json: toggle().describe("Print a summary as JSON") },
    settings: SETTINGS,
    positionals: [{ name: "FILE", description: "One record value a line (JSONL)", required: true }],
  },
  resume: {
    summary: "Lets a stopped or excluded partition go on; what is skipped is counted",
    flags: {
      partition: integer({ min: 0 }).optional().describe("The partition"),
      from: text("POSITION").prefault("cursor")
        .describe("cursor, earliest, latest, or an offset at or after the cursor"),
      json: toggle().describe("Print the partition's state as JSON"),
    },
    settings: SETTINGS,
  },
  run: {
    summary: "Drains what is in the topic now, prints the account and ends",
    flags: {
      "until-drained": toggle().describe("Drain up to the present ends of the log"),
      flush: toggle()
        .describe("Then close all windows: events that come for them later are late"),
      json: toggle().describe("Print the account as JSON"),
      ...CONTROL,
    },
    settings: SETTINGS,
  },
  scale: {
    summary: "Sets the number of workers, or the bounds between which the load decides",
    flags: {
      to: workerCount().describe("That many workers, whatever the load, until --auto"),
      auto: toggle().describe("Let the load decide again"),
      min: workerCount().describe("The fewest workers"),
      max: workerCount().describe("The most workers"),
      json: toggle().describe("Print the fleet as one line of JSON"),
    },
    settings: SETTINGS,
  },
  setup: {
    summary: "Makes the pipeline's topics, the source topic too, and the search attributes",
    flags: { json },
    settings: SETTINGS,
  },
  simulate: {
    summary:
      "Runs the scaling policy and models of others on a modelled load: a table of medians " +
      "over seeds, and a picture",
    flags: {
      trace: text(`${TRACE_NAMES.join("|")}|FILE`).prefault("doc").describe(
        "The load; a file has lines `seconds,rate` or " +
          '`{"seconds":0,"rate":10}`: the rate holds from then on, the last line ends it',
      ),
      seeds: integer({ min: 1, max: 1000 }).prefault("30").describe("How many runs"),
      "worker-rate": number({ min: 0.001 }).prefault("12").describe(
        "Events that a worker folds per second",
      ),
      partitions: integer({ min: 1, max: 1024 }).prefault("4").describe("Partitions of the topic"),
      startup: duration().prefault("500ms").describe("From a worker's spawn until it is ready"),
      noise: percent().prefault("15%")
        .describe("By how much the rate of each second is off at most"),
      poisson: toggle().describe("Events arrive at random instead of evenly"),
      out: text("FILE.svg").optional().describe("Where the picture goes"),
      json: toggle().describe("Print the report as JSON"),
    },
  },
  spike: {
    summary: "The load test: 1 producer, 4, 1 again, with a fleet that follows the load",
    flags: {
      baseline: number({ min: 1 }).prefault("45").describe("Seconds with one producer"),
      spike: number({ min: 1 }).prefault("60").describe("Seconds with three more"),
      cooldown: number({ min: 1 }).prefault("75").describe("Seconds with one again"),
      zero: toggle().describe("Then none until there is no worker, and one record"),
      rate: number({ min: 0.1 }).prefault("10").describe("Events per second and producer"),
      "enrich-ms": integer({ min: 0, max: 4_000 }).prefault("80")
        .describe("How long each event's lookup takes, in ms; 0 for none"),
      "keyed-by": word(["student_id", "course"]).prefault("student_id")
        .describe("What chooses a record's partition; course makes hot ones"),
      partitions: integer({ min: 1, max: 1_024 }).optional()
        .describe("Partitions of the topic: 8, or 4 keyed by course, if left out"),
      price: number({ min: 0 }).optional().describe("The price of an instance-hour"),
      json: toggle().describe("Print the report as JSON, all else on standard error"),
    },
    // The test brings its own pipeline.
    settings: WITHOUT_PIPELINE,
  },
  stack: {
    summary: "Brings the local broker and Temporal server up or down",
    flags: {
      json,
      ...settingFlags([
        "KAFKA_BROKERS",
        "TEMPORAL_ADDRESS",
        "TIDEGATE_BROKER_PORT",
        "TIDEGATE_TEMPORAL_PORT",
        "TIDEGATE_UI_PORT",
        "TIDEGATE_DATA_DIR",
        "TIDEGATE_CACHE",
      ]),
    },
    positionals: [{
      name: "up|status|down|reset",
      description: "What to do; reset also removes the data",
      required: true,
    }],
  },
  start: {
    summary: "Runs the pipeline: the control process and its workers, until Ctrl-C",
    flags: {
      demo: toggle()
        .describe("The live page gets a button that starts and stops spike producers"),
      keep: toggle()
        .describe("Start it again after a crash, where no container or service does"),
      ...CONTROL,
    },
    settings: SETTINGS,
  },
  status: {
    summary: "Shows the pipeline's watermark, lag, partitions and control process",
    flags: { json },
    settings: SETTINGS,
  },
  windows: {
    summary: "Shows the rows of open and closed windows",
    flags: {
      open: toggle().describe("Open windows only, as they stand"),
      closed: toggle().describe("Emitted rows only, in their last revision"),
      json: toggle().describe("Print one row a line as JSON"),
    },
    settings: SETTINGS,
  },
  worker: {
    summary: "Sweeps until Ctrl-C, where TIDEGATE_LAUNCHER is external or kubernetes",
    flags: {
      "health-port": integer({ min: 0, max: 65535 }).optional()
        .describe("Answer /healthz and /readyz on this port; 0 takes any free one"),
    },
    settings: SETTINGS,
  },
} satisfies Readonly<Record<string, Omit<CommandSpec, "name">>>;

/** The name of a command. */
export type CommandName = keyof typeof SPECS;

/** What the line of a command says. */
export type Args<N extends CommandName> = ParsedArgs<(typeof SPECS)[N]["flags"]>;
