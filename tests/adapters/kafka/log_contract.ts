/**
 * What every implementation of the log must do: registered once for the log in memory and once for
 * a real broker, so that a test against the former says something about the latter.
 *
 * @module
 */

import { testFetching } from "./contract_fetching.ts";
import { testTopics } from "./contract_topics.ts";
import { testWriting } from "./contract_writing.ts";
import { type OpenLog, readAll, type RegisterTest, type Trial } from "./trial.ts";

export { numbered, numbers, type OpenLog, readAll, text } from "./trial.ts";

/** Which implementation, and how to come by it. */
export interface LogContract {
  /** Begins the names of the tests. */
  readonly name: string;
  /** Opens reader, writer and admin; the test closes them. */
  open(): Promise<OpenLog>;
  /**
   * Whether to leave the tests out.
   * @default {false}
   */
  readonly ignore?: boolean;
}

/** Registers the tests of the contract for one implementation. */
export function testLogContract(contract: LogContract): void {
  const register: RegisterTest = (name, body) =>
    Deno.test({
      name: `${contract.name}: ${name}`,
      ignore: contract.ignore ?? false,
      fn: () => tryOut(contract, body),
    });
  testTopics(register);
  testWriting(register);
  testFetching(register);
}

/** Registers the part of the contract that is about writing, for another writer of the same log. */
export function testWriterContract(contract: LogContract): void {
  testWriting((name, body) =>
    Deno.test({
      name: `${contract.name}: ${name}`,
      ignore: contract.ignore ?? false,
      fn: () => tryOut(contract, body),
    })
  );
}

let topics = 0;

async function tryOut(
  contract: LogContract,
  body: (trial: Trial) => Promise<void>,
): Promise<void> {
  const log = await contract.open();
  const topic = `tidegate-test-${crypto.randomUUID().slice(0, 8)}-${++topics}`;
  const trial: Trial = {
    ...log,
    topic,
    fetch: (from, more) => log.reader.fetch({ topic, partition: 0, from, ...more }),
    readAll: (from = 0, partition = 0) => readAll(log.reader, topic, partition, from),
  };
  try {
    await body(trial);
  } finally {
    await log.admin.deleteTopics([topic]);
    await Promise.all([log.reader.close(), log.writer.close(), log.admin.close()]);
  }
}
