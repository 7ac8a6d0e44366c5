/**
 * Server-sent events to a bounded number of readers. A reader that does not keep up is dropped; it
 * comes back by itself and begins with a full snapshot.
 *
 * @module
 */

/** More readers than this are turned away. */
export const MOST_READERS = 32;
/** A reader that has so many bytes to take is dropped. */
export const MOST_BYTES = 4 * 1024 * 1024;
/** A comment goes out at least this often, so that both sides notice a broken line, in ms. */
const HEARTBEAT_MS = 10_000;

interface Reader {
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  sentAtMs: number;
}

/** Sends events to all readers. */
export class EventStream {
  readonly #encoder = new TextEncoder();
  readonly #readers = new Set<Reader>();
  readonly #now: () => number;
  #id = 0;
  #dropped = 0;

  /** Begins without readers. */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** How many read. */
  get readers(): number {
    return this.#readers.size;
  }

  /** How many were dropped because they did not keep up. */
  get dropped(): number {
    return this.#dropped;
  }

  /**
   * A new reader.
   *
   * @returns Its stream; null if there are too many readers.
   */
  open(first: string, data: unknown): ReadableStream<Uint8Array> | null {
    if (this.#readers.size >= MOST_READERS) return null;
    let reader: Reader;
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        reader = { controller, sentAtMs: this.#now() };
        this.#readers.add(reader);
        this.#put(reader, `retry: 1000\n${this.#event(first, data)}`);
      },
      cancel: () => {
        this.#readers.delete(reader);
      },
    }, new ByteLengthQueuingStrategy({ highWaterMark: MOST_BYTES }));
  }

  /** Sends an event to all readers. */
  send(event: string, data: unknown): void {
    if (this.#readers.size === 0) return;
    this.#id += 1;
    const text = this.#event(event, data);
    for (const reader of this.#readers) this.#put(reader, text);
  }

  /** Sends a comment to those that have not heard anything for a while. */
  beat(): void {
    for (const reader of this.#readers) {
      if (this.#now() - reader.sentAtMs >= HEARTBEAT_MS) this.#put(reader, ": alive\n\n");
    }
  }

  /** Ends all streams. */
  close(): void {
    for (const { controller } of this.#readers) controller.close();
    this.#readers.clear();
  }

  #event(event: string, data: unknown): string {
    return `id: ${this.#id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
  }

  #put(reader: Reader, text: string): void {
    const { controller } = reader;
    if ((controller.desiredSize ?? 0) <= 0) {
      this.#readers.delete(reader);
      this.#dropped += 1;
      controller.error(new Error("the reader does not keep up"));
      return;
    }
    controller.enqueue(this.#encoder.encode(text));
    reader.sentAtMs = this.#now();
  }
}
