/**
 * Shows how far a pipeline has come as offsets of a Kafka group, for consoles and scalers. They are
 * for display only: they never run ahead of what is durable, and are never read back. What is read
 * back is the generation that stands beside them: the last trace of its number where Temporal has
 * lost its data.
 *
 * @module
 */

import type { LogAdmin } from "../../adapters/kafka/log.ts";
import type { GenerationView } from "../../workflows/messages.ts";

/** Notes durable cursors and commits those that moved. */
export class CursorBook {
  readonly #admin: Pick<LogAdmin, "commitOffsets" | "committedNotes">;
  readonly #group: string;
  readonly #topic: string;
  #note = "";
  #noted: ReadonlyMap<number, number> = new Map();
  readonly #committed = new Map<number, number>();

  /**
   * Begins with nothing noted.
   *
   * @param admin Stores the offsets.
   * @param group The group.
   * @param topic The topic.
   */
  constructor(
    admin: Pick<LogAdmin, "commitOffsets" | "committedNotes">,
    group: string,
    topic: string,
  ) {
    this.#admin = admin;
    this.#group = group;
    this.#topic = topic;
  }

  /** The largest generation that stands beside the offsets; 0 if there is none. */
  async lastGeneration(): Promise<number> {
    const notes = await this.#admin.committedNotes(this.#group, this.#topic);
    return Math.max(0, ...[...notes.values()].map(generationIn));
  }

  /** The generation to which the cursors belong from now on. */
  begin(generation: number): void {
    this.#note = noteOf(generation);
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
    await this.#admin.commitOffsets(this.#group, this.#topic, moved, this.#note);
    for (const [partition, cursor] of moved) this.#committed.set(partition, cursor);
  }
}

function noteOf(generation: number): string {
  return `generation ${generation}`;
}

function generationIn(note: string): number {
  return Number(/^generation (\d+)$/.exec(note)?.[1] ?? 0);
}
