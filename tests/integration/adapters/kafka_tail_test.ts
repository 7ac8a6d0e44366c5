import { testTailContract } from "../../adapters/kafka/tail_contract.ts";
import { NO_BROKER, TEST_SETTINGS } from "./_broker.ts";

testTailContract("Kafka's log", NO_BROKER, async () => {
  const [
    { createKafkaReader },
    { createKafkaWriter },
    { createKafkaAdmin },
    { createKafkaTailer },
  ] = await Promise.all([
    import("../../../adapters/kafka/reader.ts"),
    import("../../../adapters/kafka/writer.ts"),
    import("../../../adapters/kafka/admin.ts"),
    import("../../../adapters/kafka/kafka_tail.ts"),
  ]);
  return {
    reader: createKafkaReader(TEST_SETTINGS),
    writer: createKafkaWriter(TEST_SETTINGS),
    admin: createKafkaAdmin(TEST_SETTINGS),
    tailer: createKafkaTailer(TEST_SETTINGS),
  };
});
