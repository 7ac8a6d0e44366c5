/**
 * A group's offsets on the wire, as a non-member. The versions are fixed: Kafka 2.4 to 4.1 and
 * Redpanda 24.1 to 26.2 all speak these.
 *
 * @module
 */

import {
  type Connection,
  findCoordinatorV3,
  offsetCommitV8,
  offsetFetchV7,
} from "@platformatic/kafka";
import { formatAddress } from "./address.ts";
import { BrokerAnswer } from "./errors.ts";
import { tolerant } from "./topic_wire.ts";

const GROUP_KEY = 0;
/** Generation and member of a commit from outside of the group. */
const NO_GENERATION = -1;
const NO_MEMBER = "";

/**
 * Asks any broker for a group's coordinator.
 *
 * @param connection A connection to any broker.
 * @param group The group's name.
 * @returns `host:port` of the coordinator.
 * @throws {BrokerAnswer} If the broker answers an error.
 */
export async function sendFindCoordinator(connection: Connection, group: string): Promise<string> {
  const answer = await tolerant(() => findCoordinatorV3.api.async(connection, GROUP_KEY, [group]));
  const found = answer.coordinators[0];
  if (found === undefined || found.errorCode !== 0) throw new BrokerAnswer(found?.errorCode ?? -1);
  return formatAddress(found.host, found.port);
}

/**
 * Stores a group's offsets of one topic.
 *
 * @param connection A connection to the group's coordinator.
 * @param group The group's name; it must have no members.
 * @param topic Topic name.
 * @param offsets Offset by partition.
 * @throws {BrokerAnswer} If the broker answers an error for any partition.
 */
export async function sendCommit(
  connection: Connection,
  group: string,
  topic: string,
  offsets: ReadonlyMap<number, number>,
): Promise<void> {
  const partitions = [...offsets].map(([partitionIndex, offset]) => ({
    partitionIndex,
    committedOffset: BigInt(offset),
    committedLeaderEpoch: -1,
    committedMetadata: "",
  }));
  const answer = await tolerant(() =>
    offsetCommitV8.api.async(connection, group, NO_GENERATION, NO_MEMBER, null, [
      { name: topic, partitions },
    ])
  );
  for (const { errorCode } of answer.topics.flatMap((it) => it.partitions)) {
    if (errorCode !== 0) throw new BrokerAnswer(errorCode);
  }
}

/**
 * Reads a group's stored offsets of one topic.
 *
 * @param connection A connection to the group's coordinator.
 * @param group The group's name.
 * @param topic Topic name.
 * @returns Offset by partition, where one is stored.
 * @throws {BrokerAnswer} If the broker answers an error.
 */
export async function sendCommitted(
  connection: Connection,
  group: string,
  topic: string,
): Promise<ReadonlyMap<number, number>> {
  const answer = await tolerant(() =>
    offsetFetchV7.api.async(connection, [{ groupId: group, topics: null }], false)
  );
  if (answer.errorCode !== 0) throw new BrokerAnswer(answer.errorCode);
  const found = new Map<number, number>();
  for (const { name, partitions } of answer.topics) {
    if (name !== topic) continue;
    for (const { partitionIndex, committedOffset, errorCode } of partitions) {
      if (errorCode !== 0) throw new BrokerAnswer(errorCode);
      if (committedOffset >= 0n) found.set(partitionIndex, Number(committedOffset));
    }
  }
  return found;
}
