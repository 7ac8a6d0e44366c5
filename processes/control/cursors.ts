/**
 * Shows how far a pipeline has come as offsets of a Kafka group, for consoles and scalers. They are
 * for display only: they never run ahead of what is durable, and are never read back.
 *
 * @module
 */

import type { LogAdmin } from "../../adapters/kafka/log.ts";
import type { GenerationView } from "../../workflows/messages.ts";

/** Notes durable cursors and commits those that moved. */
export class CursorBook {
  readonly #admin: LogAdmin;
  readonly #group: string;
  readonly #topic: string;
  #noted: ReadonlyMap<number, number> = new Map();
  readonly #committed = new Map<number, number>();

  /**
   * Begins with nothing noted.
   *
   * @param admin Stores the offsets.
   * @param group The group.
   * @param topic The topic.
   */
  constructor(admin: LogAdmin, group: string, topic: string) {
    this.#admin = admin;
    this.#group = group;
    this.#topic = topic;
  }

  /** Notes the durable cursors. */
  drained({ partitions }: Pick<GenerationView, "partitions">): void {
    this.#noted = new Map(partitions.map(({ partition, cursor }) => [partition, cursor]));
  }

  /** Commits the cursors that moved since the last time. */
  async commit(): Promise<void> {
    const moved = new Map(
      [...this.#noted].filter(([partition, cursor]) => this.#committed.get(partition) !== cursor),
    );
    if (moved.size === 0) return;
    await this.#admin.commitOffsets(this.#group, this.#topic, moved);
    for (const [partition, cursor] of moved) this.#committed.set(partition, cursor);
  }
}
