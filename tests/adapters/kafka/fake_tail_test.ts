import { createFakeLog } from "../../fake_log/fake_log.ts";
import { testTailContract } from "./tail_contract.ts";

testTailContract("log in memory", false, () => {
  const log = createFakeLog();
  const { reader, writer, admin } = log;
  return Promise.resolve({ reader, writer, admin, tailer: log.openTailer() });
});
