/**
 * Names of workflows, task queues and groups. A workflow id tells which pipeline, generation and
 * part it is, so that a person finds it in the Temporal Web UI.
 *
 * @module
 */

import { formatInstant } from "./event_time/instants.ts";

/** The id of a pipeline's supervisor workflow: `<pipeline>/supervisor`. */
export function supervisorId(pipeline: string): string {
  return `${pipeline}/supervisor`;
}

/** The id of a generation's drain workflow: `<pipeline>/<generation>/drain`. */
export function drainId(pipeline: string, generation: number): string {
  return `${pipeline}/${generation}/drain`;
}

/**
 * The id of a window workflow.
 *
 * @param startMs The window's start, epoch ms.
 * @param shard Which share of the keys; left out of the id where there is one shard only.
 * @returns `<pipeline>/<generation>/window/<start ISO>` and `/<shard>` where there are several.
 */
export function windowId(
  pipeline: string,
  generation: number,
  startMs: number,
  shard = 0,
  shards = 1,
): string {
  const id = `${pipeline}/${generation}/window/${formatInstant(startMs)}`;
  return shards > 1 ? `${id}/${shard}` : id;
}

/** The task queue of a pipeline's supervisor: `<pipeline>/supervisor`. */
export function supervisorQueue(pipeline: string): string {
  return `${pipeline}/supervisor`;
}

/** The task queue of the control process: drain, windows and their activities: `<pipeline>/control`. */
export function controlQueue(pipeline: string): string {
  return `${pipeline}/control`;
}

/** The task queue of a generation's sweeps: `<pipeline>/<generation>/sweep`. */
export function sweepQueue(pipeline: string, generation: number): string {
  return `${pipeline}/${generation}/sweep`;
}

/**
 * The Kafka group that shows how far a pipeline has come, `tidegate-<pipeline>`; display only, never
 * read back.
 */
export function groupId(pipeline: string): string {
  return `tidegate-${pipeline}`;
}
