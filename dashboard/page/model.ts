/**
 * The page's copy of the state: what the stream told so far.
 *
 * @module
 */

import type { Column, PageChange, PageState, Points } from "../server/state.ts";

/** As many points are kept as the server keeps. */
const POINTS = 900;

/** Takes a change in. */
export function changed(state: PageState, change: PageChange): PageState {
  const points = change.points === undefined ? state.points : added(state.points, change.points);
  return { ...state, ...change, points };
}

/** Adds points; those that are known, or older than the last, are passed over. */
function added(known: Points, news: Points): Points {
  const last = known.atMs.at(-1) ?? -Infinity;
  const at = news.atMs.findIndex((atMs) => atMs > last);
  if (at < 0) return known;
  const join = <T>(a: readonly T[], b: readonly T[]) => [...a, ...b.slice(at)].slice(-POINTS);
  const column = (name: Column) => join(known.columns[name], news.columns[name]);
  return {
    atMs: join(known.atMs, news.atMs),
    columns: {
      inRate: column("inRate"),
      foldedRate: column("foldedRate"),
      lag: column("lag"),
      desired: column("desired"),
      ready: column("ready"),
      starting: column("starting"),
      draining: column("draining"),
    },
  };
}

/** How the pipeline does, in a word and a sentence. */
export interface Mood {
  /** Changes rarely: what is told to those who can't see the page. */
  readonly word: "starting" | "idle" | "keeping up" | "catching up" | "waiting" | "trouble";
  /** A sentence. */
  readonly sentence: string;
}

/** How the pipeline does. */
export function moodOf({ health, now, fleet }: PageState): Mood {
  const worst = health.problems.find(({ level }) => level === "error");
  if (health.phase === "starting") {
    return { word: "starting", sentence: "The control process is starting." };
  }
  if (worst !== undefined) return { word: "trouble", sentence: worst.text };
  if (health.phase === "ending") {
    return { word: "trouble", sentence: "The control process is stopping; all state is kept." };
  }
  const ready = fleet.workers.filter(({ state }) => state === "ready").length;
  const lag = now.lag ?? 0;
  const rate = now.inRate ?? 0;
  if (lag === 0 && rate === 0) {
    return {
      word: "idle",
      sentence: ready === 0
        ? "Nothing arrives and no worker runs: idling costs nothing."
        : "Nothing arrives: workers are kept for a while, then stopped.",
    };
  }
  if (ready === 0) {
    return { word: "waiting", sentence: "Records wait for the first worker, which is starting." };
  }
  const seconds = now.foldedRate === null || now.foldedRate <= 0 ? null : lag / now.foldedRate;
  if (lag > Math.max(500, rate * 3)) {
    const left = seconds === null ? "" : `, about ${Math.max(1, Math.round(seconds))} s of work`;
    return { word: "catching up", sentence: `A backlog is being drained${left}.` };
  }
  return { word: "keeping up", sentence: "Records are folded as they arrive." };
}
