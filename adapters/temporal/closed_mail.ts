import type { Client } from "@temporalio/client";
import type { ClosedWindow } from "../../core/event_time/close_timers.ts";

/** Windows that close within this time of each other are told in one signal, in ms. */
const GATHER_MS = 10;

/** What is gathered for one clock, and the signal it goes out with. */
interface Mail {
  readonly windows: ClosedWindow[];
  readonly sent: Promise<void>;
}

/**
 * Tells clocks of closed windows. In a backlog hundreds close at once: a signal each would cost the
 * server 3 ms of CPU each, and the clock an entry in its history each.
 */
export class ClosedMail {
  readonly #client: Client;
  readonly #mail = new Map<string, Mail>();

  constructor(client: Client) {
    this.#client = client;
  }

  /** Resolves when the clock has been told. */
  tell(clockId: string, window: ClosedWindow): Promise<void> {
    const waiting = this.#mail.get(clockId);
    if (waiting !== undefined) {
      waiting.windows.push(window);
      return waiting.sent;
    }
    const windows = [window];
    const sent = this.#send(clockId, windows);
    this.#mail.set(clockId, { windows, sent });
    return sent;
  }

  async #send(clockId: string, windows: readonly ClosedWindow[]): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, GATHER_MS));
    this.#mail.delete(clockId);
    await this.#client.workflow.getHandle(clockId).signal("closed", windows);
  }
}
