/**
 * The door to the Kafka client. The package's main file loads its consumer, producer, admin and
 * schema registries as well, which nobody here uses and which take half of the time (2026-11-30, 2
 * cores: 0.25 s of CPU for the main file, 0.14 s for these parts). It exports no other file, so the
 * parts are found beside its main one; where they are not, the main file has to do.
 *
 * @module
 */

/** What of the client is used. */
export type Client = Pick<
  typeof import("@platformatic/kafka"),
  | "Connection"
  | "NumericMap"
  | "Reader"
  | "ResponseError"
  | "Writer"
  | "addPartitionsToTxnV1"
  | "addPartitionsToTxnV2"
  | "addPartitionsToTxnV3"
  | "apiVersionsV3"
  | "compressionsAlgorithmsByBitmask"
  | "crc32c"
  | "createAPI"
  | "createPartitionsV1"
  | "createTopicsV5"
  | "deleteGroupsV1"
  | "deleteRecordsV1"
  | "deleteTopicsV4"
  | "describeConfigsV2"
  | "endTxnV1"
  | "endTxnV2"
  | "endTxnV3"
  | "fetchV11"
  | "fetchV12"
  | "fetchV13"
  | "fetchV14"
  | "fetchV15"
  | "fetchV16"
  | "fetchV17"
  | "findCoordinatorV3"
  | "initProducerIdV3"
  | "initProducerIdV4"
  | "initProducerIdV5"
  | "listOffsetsV4"
  | "listOffsetsV5"
  | "listOffsetsV6"
  | "listOffsetsV7"
  | "listOffsetsV8"
  | "listOffsetsV9"
  | "metadataV10"
  | "metadataV11"
  | "metadataV12"
  | "metadataV7"
  | "metadataV8"
  | "metadataV9"
  | "offsetCommitV8"
  | "offsetFetchV7"
  | "offsetForLeaderEpochV2"
  | "offsetForLeaderEpochV3"
  | "offsetForLeaderEpochV4"
  | "produceV10"
  | "produceV11"
  | "produceV7"
  | "produceV8"
  | "produceV9"
>;

const PARTS = [
  "network/connection.js",
  "apis/index.js",
  "protocol/index.js",
  "errors.js",
  "utils.js",
];

/** The parts of the client that are used. */
export const kafka: Client = await load();

async function load(): Promise<Client> {
  try {
    const main = import.meta.resolve("@platformatic/kafka");
    const parts = await Promise.all(PARTS.map((part) => import(new URL(part, main).href)));
    return Object.assign({}, ...parts);
  } catch {
    return await import("@platformatic/kafka");
  }
}
