/**
 * The account as looks find it. In a moving pipeline its parts are looked at one after the other, so
 * that they may not add up for a moment; if nothing moves, they must.
 *
 * @module
 */

import { accountOf } from "../../core/flow/account.ts";
import type { Look } from "./looker.ts";
import type { AccountView } from "./state.ts";

/** An account that does not add up so often, although nothing moves, is broken. */
const BROKEN_AFTER = 4;

/** Adds the account up, look by look. */
export class AccountBook {
  /** The account as last added up; null before the first look at the windows. */
  view: AccountView | null = null;
  #unsettled = 0;

  /**
   * Adds up.
   *
   * @param look What was found; without the windows nothing changes.
   * @param now Whether something happened meanwhile, and how many records are not read yet.
   * @returns Whether both equations hold, as far as it could be seen.
   */
  addUp(
    { atMs, drains, clock, windows }: Look,
    { moving, lag }: { readonly moving: boolean; readonly lag: number },
  ): boolean {
    if (windows === null) return true;
    const account = accountOf(drains, clock.totals, clock.lost, windows);
    const { events, pairs } = account;
    const out = events.aggregated + events.late + events.invalid + events.skewed + events.filtered;
    const placed = pairs.closed + pairs.open + pairs.inDelivery + pairs.missed;
    const addsUp = events.read === out && pairs.assigned === placed;
    this.#unsettled = addsUp || moving ? 0 : this.#unsettled + 1;
    const broken = !account.ok && (addsUp || this.#unsettled >= BROKEN_AFTER);
    const state = account.ok ? "holds" : broken ? "broken" : "moving";
    this.view = { atMs, account, state, lag };
    return addsUp;
  }
}
