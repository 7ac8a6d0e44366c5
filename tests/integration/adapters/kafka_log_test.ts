import { testLogContract } from "../../adapters/kafka/log_contract.ts";
import { NO_BROKER, TEST_SETTINGS } from "./_broker.ts";

testLogContract({
  name: "Kafka's log",
  ignore: NO_BROKER,
  open: async () => {
    const [{ createKafkaReader }, { createKafkaWriter }, { createKafkaAdmin }] = await Promise.all([
      import("../../../adapters/kafka/reader.ts"),
      import("../../../adapters/kafka/writer.ts"),
      import("../../../adapters/kafka/admin.ts"),
    ]);
    return {
      reader: createKafkaReader(TEST_SETTINGS),
      writer: createKafkaWriter(TEST_SETTINGS),
      admin: createKafkaAdmin(TEST_SETTINGS),
    };
  },
});
