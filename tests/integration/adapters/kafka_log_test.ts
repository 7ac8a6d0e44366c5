import { testLogContract, testWriterContract } from "../../adapters/kafka/log_contract.ts";
import type { OpenLog } from "../../adapters/kafka/trial.ts";
import { NO_BROKER, TEST_SETTINGS } from "./_broker.ts";

async function openLog(): Promise<OpenLog> {
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
}

testLogContract({ name: "Kafka's log", ignore: NO_BROKER, open: openLog });

testWriterContract({
  name: "kafkajs's writer",
  ignore: NO_BROKER,
  open: async () => {
    const { createKafkaJsWriter } = await import("../../../adapters/kafka/kafkajs_writer.ts");
    const log = await openLog();
    await log.writer.close();
    return { ...log, writer: createKafkaJsWriter(TEST_SETTINGS) };
  },
});
