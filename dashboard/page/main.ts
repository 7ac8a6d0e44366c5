/**
 * The live page: takes what the server streams and shows it, panel by panel. Begin here; each panel
 * is a file.
 *
 * @module
 */

import type { PageState } from "../server/state.ts";
import { setUpAccount } from "./account_panel.ts";
import { connect, setUpPresenter } from "./connection.ts";
import { byId, setText, setUpTheme } from "./dom.ts";
import { setUpFleet } from "./fleet_panel.ts";
import { clock, short, span, UNKNOWN } from "./format.ts";
import { setUpHealth } from "./health_panel.ts";
import { setUpLoad } from "./load_panel.ts";
import { changed, moodOf } from "./model.ts";
import { setUpResults, setUpSamples } from "./results_panel.ts";
import { setUpTime } from "./time_panel.ts";

let state: PageState | null = null;
let downSinceMs: number | null = null;
let toldMood = "";

const load = setUpLoad();
const presenter = setUpPresenter();
const panels = [
  load.show,
  setUpTime(),
  setUpResults(),
  setUpAccount(),
  setUpSamples(),
  setUpFleet(),
  setUpHealth(),
  showHead,
  showFigures,
];
setUpTheme(load.recolor);

connect({
  snapshot(news) {
    state = news;
    show();
  },
  change(change) {
    if (state !== null) state = changed(state, change);
    show();
  },
  state(since) {
    downSinceMs = since;
    showConnection();
  },
});

// A page that nobody sees draws nothing; it is up to date as soon as it is seen.
document.addEventListener("visibilitychange", show);

function show(): void {
  if (state === null || document.hidden) return;
  document.body.dataset["state"] = downSinceMs === null ? "live" : "down";
  byId("loading").hidden = true;
  byId("content").hidden = false;
  for (const panel of panels) {
    try {
      panel(state);
    } catch (error) {
      // One panel that fails must not take the others with it.
      console.error(error);
    }
  }
}

function showConnection(): void {
  const banner = byId("disconnected");
  banner.hidden = downSinceMs === null;
  document.body.dataset["state"] = downSinceMs === null
    ? state === null ? "loading" : "live"
    : "down";
  if (downSinceMs === null) return;
  const what = state === null ? "There are no figures yet" : "These are the last figures";
  setText(
    banner,
    `No connection to the control process since ${clock(downSinceMs)} UTC. ${what}; ` +
      "the page tries again by itself. The pipeline's state is in Temporal and is not lost.",
  );
}

function showHead(now: PageState): void {
  const { about } = now;
  setText(byId("pipeline"), about.pipeline);
  setText(byId("generation"), about.generation === 0 ? "" : `generation ${about.generation} · `);
  document.title = `${about.pipeline} · Tidegate`;
  const mood = moodOf(now);
  byId("mood").dataset["mood"] = mood.word.replace(" ", "-");
  setText(byId("mood-word"), mood.word);
  setText(byId("mood-sentence"), mood.sentence);
  // Read out only when it becomes another one, not with every figure.
  if (mood.word !== toldMood) setText(byId("announcer"), `${mood.word}: ${mood.sentence}`);
  toldMood = mood.word;
  presenter(about.demo, now.now.loading);
}

function showFigures({ now, fleet }: PageState): void {
  const ready = fleet.workers.filter((worker) => worker.state === "ready").length;
  setText(byId("figure-in"), short(now.inRate));
  setText(byId("figure-folded"), short(now.foldedRate));
  setText(byId("figure-lag"), short(now.lag));
  setText(byId("figure-workers"), `${ready} / ${fleet.desired}`);
  const behind = now.watermark === null ? UNKNOWN : span(Math.max(0, now.atMs - now.watermark));
  setText(byId("figure-watermark"), behind);
  setText(byId("figure-windows"), `${short(now.open)} / ${short(now.closed)}`);
}
