/**
 * `deno task stack`: the local servers.
 *
 * @module
 */

import { settingFlags } from "../cli/config.ts";
import { STACK_ACTIONS, stackCommand } from "../devstack/mod.ts";
import { TidegateError } from "../core/errors.ts";
import { command } from "../cli/command.ts";
import { readConfig, stackOptions } from "../cli/session.ts";

const settings = settingFlags([
  "KAFKA_BROKERS",
  "TEMPORAL_ADDRESS",
  "TIDEGATE_BROKER_PORT",
  "TIDEGATE_TEMPORAL_PORT",
  "TIDEGATE_UI_PORT",
  "TIDEGATE_DATA_DIR",
  "TIDEGATE_CACHE",
]);

/** The command. */
export default command({
  name: "stack",
  summary: "Brings the local broker and Temporal server up or down",
  positionals: [{
    name: "up|status|down|reset",
    description: "What to do; reset also removes the data",
    required: true,
  }],
  flags: {
    json: { type: "boolean", description: "Print one line of JSON" },
    ...settings,
  },
}, async ({ flags, positionals }) => {
  const action = STACK_ACTIONS.find((known) => known === positionals[0]);
  if (action === undefined) {
    throw new TidegateError(
      "TG_USAGE",
      `Cannot run stack: the action must be one of ${STACK_ACTIONS.join(", ")}, got "${
        positionals[0]
      }"`,
    );
  }
  const options = stackOptions(readConfig(flags));
  return await stackCommand({ action, json: flags.json, options }, console.log);
});
