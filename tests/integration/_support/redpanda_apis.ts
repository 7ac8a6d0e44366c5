/**
 * Which APIs of Kafka's protocol Redpanda speaks, and up to which version: from its sources
 * (`src/v/kafka/server/handlers`) up to 24.3, later ones from the changes merged since.
 *
 * @module
 */

import type { ApiCaps } from "../adapters/_proxy.ts";

/** By API key. */
const REDPANDA_24_1: ApiCaps = {
  0: 7, // Produce
  1: 11, // Fetch
  2: 4, // ListOffsets
  3: 7, // Metadata
  8: 8, // OffsetCommit
  9: 7, // OffsetFetch
  10: 3, // FindCoordinator
  11: 6, // JoinGroup
  12: 4, // Heartbeat
  13: 4, // LeaveGroup
  14: 4, // SyncGroup
  15: 5, // DescribeGroups
  16: 3, // ListGroups
  18: 3, // ApiVersions
  19: 6, // CreateTopics
  20: 5, // DeleteTopics
  21: 2, // DeleteRecords
  22: 3, // InitProducerId
  23: 4, // OffsetForLeaderEpoch
  24: 3, // AddPartitionsToTxn
  25: 1, // AddOffsetsToTxn
  26: 3, // EndTxn
  28: 3, // TxnOffsetCommit
  32: 4, // DescribeConfigs
  42: 2, // DeleteGroups
  47: 0, // OffsetDelete
};

const REDPANDA_24_3: ApiCaps = { ...REDPANDA_24_1, 3: 8, 16: 4 };
const REDPANDA_25_2: ApiCaps = { ...REDPANDA_24_3, 3: 11, 60: 0 };
const REDPANDA_25_3: ApiCaps = { ...REDPANDA_25_2, 1: 13, 3: 12, 9: 8, 10: 4, 19: 7 };
const REDPANDA_26_2: ApiCaps = { ...REDPANDA_25_3, 2: 6 };

/** The versions of Redpanda that are told apart here. */
export const REDPANDA_APIS = {
  "24.1": REDPANDA_24_1,
  "24.3": REDPANDA_24_3,
  "25.2": REDPANDA_25_2,
  "25.3": REDPANDA_25_3,
  "26.2": REDPANDA_26_2,
} as const;
