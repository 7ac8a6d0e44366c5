/**
 * The live page and its server, in the control process. `collector.ts` watches the pipeline from
 * inside and asks nobody; `looker.ts` asks workflows and broker, only while somebody wants to know;
 * `board.ts` puts both together as the plain data of `state.ts`; `server.ts` serves it, with the
 * page's own code in `page/`, which browsers run as it is but for its types. Watching changes
 * nothing: no rule lives here. Begin with `start.ts`.
 *
 * @module
 */

export * from "./start.ts";
export type { Shown } from "./board.ts";
