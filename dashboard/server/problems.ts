/**
 * What is wrong, in words and since when.
 *
 * @module
 */

import type { Fleet } from "../../adapters/launchers/launcher.ts";
import type { Look, ServerFound } from "./looker.ts";
import type { ProblemView } from "./state.ts";

/** What is looked through for problems. */
export interface ProblemSource {
  /** The last look; null before the first. */
  readonly look: Look | null;
  /** The workers; null before the control process is up. */
  readonly fleet: Fleet | null;
  /** How the broker answers. */
  readonly broker: ServerFound;
  /** How Temporal answers. */
  readonly temporal: ServerFound;
  /** Why the control process can't go on; null as long as it can. */
  readonly lost: string | null;
}

type Found = Omit<ProblemView, "sinceMs"> & { readonly sinceMs?: number };

const LEVELS = ["error", "warning", "note"];

/** Finds what is wrong, and remembers since when. */
export class Problems {
  #since = new Map<string, number>();

  /**
   * Looks for problems.
   *
   * @param source What is looked through.
   * @param nowMs The time.
   * @returns The problems, the worst first.
   */
  find(source: ProblemSource, nowMs: number): ProblemView[] {
    const since = new Map<string, number>();
    const found = [...serverProblems(source), ...workerProblems(source), ...lookProblems(source)];
    const problems = found.map(({ sinceMs, ...problem }) => {
      // Texts hold figures that change; what it is about does not.
      const id = `${problem.level} ${problem.what}`;
      const first = sinceMs ?? this.#since.get(id) ?? nowMs;
      since.set(id, first);
      return { ...problem, sinceMs: first };
    });
    this.#since = since;
    return problems.sort((a, b) =>
      LEVELS.indexOf(a.level) - LEVELS.indexOf(b.level) || a.sinceMs - b.sinceMs
    );
  }
}

function serverProblems({ broker, temporal, lost }: ProblemSource): Found[] {
  const away = (what: string, server: ServerFound): Found[] =>
    server.problem === null ? [] : [{
      level: "error",
      what,
      text: `${what} unreachable: ${server.problem}`,
      sinceMs: server.sinceMs,
    }];
  return [
    ...(lost === null ? [] : [{ level: "error", what: "control process", text: lost } as const]),
    ...away("broker", broker),
    ...away("Temporal", temporal),
  ];
}

function workerProblems({ fleet }: ProblemSource): Found[] {
  return (fleet?.slots ?? []).flatMap(({ slot, state, problem }): Found[] => {
    if (problem === null) return [];
    const rest = state === "open" ? "; it failed too often and is left alone for a while" : "";
    return [{
      level: state === "open" ? "error" : "warning",
      what: `worker ${slot}`,
      text: `worker ${slot}: ${problem}${rest}`,
    }];
  });
}

function lookProblems({ look }: ProblemSource): Found[] {
  if (look === null) return [];
  const { drains, clock, supervisor } = look;
  const { last, noProgress } = supervisor.fleet;
  const of = (partition: number) => `partition ${partition}`;
  return [
    ...drains.flatMap(({ partition, stop, mode, held }): Found[] => {
      if (stop !== null) {
        const text = `${of(partition)} stopped: ${stop.code}: ${stop.message}. No window closes ` +
          "until somebody decides: deno task resume, or deno task exclude";
        return [{ level: "error", what: of(partition), text, sinceMs: stop.sinceMs }];
      }
      if (mode === "excluded") {
        const text = `${of(partition)} is excluded: it is not read`;
        return [{ level: "warning", what: of(partition), text }];
      }
      if (!held) return [];
      const text = `${of(partition)} is held: it is far ahead of the others in event time`;
      return [{ level: "note", what: of(partition), text }];
    }),
    ...clock.lost.map(({ id, why }): Found => (
      { level: "error", what: id, text: `window lost: ${id}: ${why}` }
    )),
    ...noProgress.map(({ partition, sinceMs }): Found => ({
      level: "error",
      what: `progress of partition ${partition}`,
      text: `${of(partition)} makes no progress, although its worker was replaced`,
      sinceMs,
    })),
    ...(last?.inputs.hot ?? []).map((partition): Found => ({
      level: "note",
      what: `load of partition ${partition}`,
      text: `${of(partition)} takes more than one worker folds: more workers do not help it`,
    })),
  ];
}
