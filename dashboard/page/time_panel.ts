/**
 * Event time: a lane for each partition with its watermark, the windows above them, and the
 * pipeline's watermark across all.
 *
 * @module
 */

import type {
  About,
  EventTimeView,
  FoldedPartitions,
  Mark,
  PageState,
  PartitionState,
  PartitionView,
} from "../server/state.ts";
import { byId, el, filler, head, Keyed, type KeyedItem, part, row, setText } from "./dom.ts";
import { clock, dateTime, figure, short, span } from "./format.ts";
import { placeOf, type Span, spanOf, ticksOf } from "./lanes.ts";

/** How many closed windows tell how full a window becomes. */
const USUAL = 4;
/** Rows of windows that overlap, at most. */
const MOST_ROWS = 8;
/** Height of such a row, and room for the watermark's label above them, in rem. */
const WINDOW_ROW_REM = 1.8;
const WINDOW_TOP_REM = 1.7;
/** Room for the label of a tick, in rem. */
const TICK_REM = 5.5;

const STATES: Readonly<Record<PartitionState, string>> = {
  active: "active",
  idle: "idle: does not hold the watermark",
  parked: "at its end",
  stopped: "stopped: holds the watermark",
  excluded: "excluded",
  held: "held: too far ahead of the others, or too many windows are open",
  transaction: "waits for the end of a transaction",
  trouble: "can't be read at the moment",
};

type Shown = Pick<EventTimeView, "partitions" | "folded" | "open" | "moreOpen">;

/** Sets the panel up. */
export function setUpTime(): (state: PageState) => void {
  const empty = byId("time-empty");
  const figureBox = byId("lanes");
  const windows = new Keyed(byId("lane-windows"));
  const lanes = new Keyed(byId("lane-partitions"));
  const ticks = new Keyed(byId("lane-ticks"));
  const line = byId("watermark-line");
  const label = byId("watermark-label");
  const partitionTable = filler<Shown>(byId("partition-table"), partitionRows);
  const windowTable = filler<Shown>(byId("window-table"), windowRows);
  const summary = byId("time-summary");

  return ({ time, about, now, results }) => {
    const drawn = time === null ? null : spanOf(time, about.sizeMs);
    empty.hidden = drawn !== null;
    figureBox.hidden = drawn === null;
    setText(byId("delay-words"), span(about.delayMs));
    setText(byId("window-words"), windowWords(about));
    setText(
      byId("lateness-words"),
      about.latenessMs === 0
        ? ""
        : `After its first rows a window stays open for ${span(about.latenessMs)} of late events.`,
    );
    if (time === null || drawn === null) return;
    drawTicks(ticks, drawn, figureBox.clientWidth);
    const usual = results.slice(-USUAL).map(({ rows }) =>
      rows.reduce((sum, { events }) => sum + events, 0)
    );
    drawWindows(windows, time, { drawn, about, usual });
    drawLanes(lanes, time, drawn);
    const { watermark } = time;
    line.hidden = watermark === null;
    if (watermark !== null) {
      const at = placeOf(drawn, watermark);
      line.style.left = percent(at);
      setText(label, `watermark ${clock(watermark)}`);
      label.classList.toggle("flip", at > 0.5);
    }
    byId("key-emitted").hidden = about.latenessMs === 0;
    byId("none-open").hidden = time.open.length > 0;
    setText(summary, wordsOf(time, now.atMs));
    partitionTable(time);
    windowTable(time);
  };
}

/** What the picture shows, for those who can't see it. */
function wordsOf(
  { watermark, open, moreOpen, partitions, folded }: EventTimeView,
  nowMs: number,
): string {
  const idle = partitions.filter(({ state }) => state === "idle").length + (folded?.idle ?? 0);
  const behind = watermark === null ? "" : `, ${span(Math.max(0, nowMs - watermark))} behind now`;
  return `Watermark ${dateTime(watermark)}${behind}; ${open.length + moreOpen} windows open; ` +
    `${partitions.length + (folded?.count ?? 0)} partitions, ${idle} of them idle.`;
}

function drawTicks(ticks: Keyed, drawn: Span, width: number): void {
  const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
  const most = Math.min(10, Math.max(2, Math.floor(width / (TICK_REM * rem)) - 1));
  ticks.show(
    ticksOf(drawn, most).map((ms) => [String(ms), (element) => {
      element.className = "tick";
      element.style.left = percent(placeOf(drawn, ms));
      setText(element, clock(ms));
    }]),
  );
}

function windowWords({ sizeMs, slideMs }: About): string {
  return slideMs === sizeMs
    ? `Each event belongs to the ${span(sizeMs)} window of its own time.`
    : `Each event belongs to every ${span(sizeMs)} window that holds its own time; one begins ` +
      `every ${span(slideMs)}.`;
}

/** How a window fills up is told by the largest of those that are open or closed lately. */
function drawWindows(
  windows: Keyed,
  time: EventTimeView,
  { drawn, about, usual }: {
    readonly drawn: Span;
    readonly about: About;
    readonly usual: readonly number[];
  },
): void {
  const rows = Math.min(MOST_ROWS, Math.ceil(about.sizeMs / about.slideMs));
  // Windows that overlap have rows of their own, in turn.
  const arrange = (element: HTMLElement, start: number) => {
    if (rows === 1) return;
    element.classList.add("compact");
    const row = ((Math.floor(start / about.slideMs) % rows) + rows) % rows;
    element.style.top = `${WINDOW_TOP_REM + row * WINDOW_ROW_REM}rem`;
  };
  byId("window-row").style.height = rows === 1
    ? ""
    : `${WINDOW_TOP_REM + rows * WINDOW_ROW_REM + 0.3}rem`;
  const most = Math.max(1, ...usual, ...time.open.map(({ events }) => events));
  const open = time.open.map((window): KeyedItem => [String(window.start), (element) => {
    place(element, drawn, window.start, window.end);
    const lost = window.broken === null ? "" : " broken";
    element.className = `window ${window.emitted ? "emitted" : "open"}${lost}`;
    arrange(element, window.start);
    element.title = `${clock(window.start)} to ${clock(window.end)}: ` +
      `${figure(window.events)} events${lost === "" ? "" : `, ${window.broken}`}`;
    const fill = part(element, "fill");
    fill.style.height = percent(window.events / most);
    setText(part(element, "events"), short(window.events));
    setText(part(element, "note"), lost === "" ? "" : "lost");
  }]);
  const opened = new Set(time.open.map(({ start }) => start));
  const closed = time.closed.filter(({ start, end }) => !opened.has(start) && end > drawn.from)
    .map(({ start, end }): KeyedItem => [String(start), (element) => {
      place(element, drawn, start, end);
      element.className = "window closed";
      arrange(element, start);
      element.title = `${clock(start)} to ${clock(end)}: closed`;
      part(element, "fill").style.height = "100%";
      setText(part(element, "events"), "closed");
      setText(part(element, "note"), "");
    }]);
  windows.show([...closed, ...open]);
}

/** A lane has no partition of its own: where only some are shown, which ones changes by the second. */
function drawLanes(
  lanes: Keyed,
  { partitions, folded, marks }: EventTimeView,
  drawn: Span,
): void {
  const shown = new Set(partitions.map(({ partition }) => partition));
  const items = partitions.map((partition, i): KeyedItem => [String(i), (element) => {
    const mine = marks.filter((mark) => mark.partition === partition.partition);
    drawLane(element, partition, mine, drawn);
  }]);
  if (folded !== null) {
    const others = marks.filter((mark) => !shown.has(mark.partition));
    items.push(["folded", (element) => drawFolded(element, folded, others, drawn)]);
  }
  lanes.show(items);
}

function drawLane(
  element: HTMLElement,
  { partition, state, watermark, maxEventTime, lag }: PartitionView,
  marks: readonly Mark[],
  drawn: Span,
): void {
  element.className = `lane ${state}`;
  const name = part(element, "name");
  setText(part(name, "number"), `partition ${partition}`);
  setText(part(name, "state"), shortWords(state, lag));
  name.title = STATES[state];
  const track = part(element, "track");
  const passed = part(track, "passed");
  passed.style.width = percent(watermark === null ? 0 : placeOf(drawn, watermark));
  const ahead = part(track, "ahead");
  const from = watermark ?? maxEventTime;
  ahead.hidden = from === null || maxEventTime === null;
  if (from !== null && maxEventTime !== null) place(ahead, drawn, from, maxEventTime);
  drawMarks(track, marks, drawn);
}

/** What there is room for beside a lane; the whole of it is in its title and in the table. */
function shortWords(state: PartitionState, lag: number | null): string {
  if (state === "active") return `lag ${short(lag)}`;
  return state === "transaction" ? "waits" : state;
}

/** The rest: up to the slowest of them, and from there to the fastest. */
function drawFolded(
  element: HTMLElement,
  folded: FoldedPartitions,
  marks: readonly Mark[],
  drawn: Span,
): void {
  const { count, idle, from, to, lag } = folded;
  element.className = idle === count ? "lane folded idle" : "lane folded";
  element.title = foldedWords(folded);
  const name = part(element, "name");
  setText(part(name, "number"), `… ${count} more`);
  setText(part(name, "state"), idle === count ? "idle" : `lag ${short(lag)}`);
  const track = part(element, "track");
  part(track, "passed").style.width = percent(from === null ? 0 : placeOf(drawn, from));
  const ahead = part(track, "ahead");
  ahead.hidden = from === null || to === null;
  if (from !== null && to !== null) place(ahead, drawn, from, to);
  setText(part(track, "between"), from === null ? "" : `${clock(from)} – ${clock(to)}`);
  drawMarks(track, marks, drawn);
}

function foldedWords({ count, idle, from, to }: FoldedPartitions): string {
  const between = from === null ? "" : `, between ${dateTime(from)} and ${dateTime(to)}`;
  return `… ${count} more${idle === 0 ? "" : ` (${idle} idle)`}${between}`;
}

function drawMarks(track: HTMLElement, mine: readonly Mark[], drawn: Span): void {
  const holder = part(track, "marks");
  const known = JSON.stringify([mine, drawn]);
  if (holder.dataset["shown"] === known) return;
  holder.dataset["shown"] = known;
  holder.replaceChildren(...mine.map(({ kind, eventTime }) => {
    const beyond = eventTime > drawn.to || eventTime < drawn.from;
    const mark = el("i", {
      class: `mark ${kind}`,
      attributes: { title: `${kind}: event time ${dateTime(eventTime)}` },
    });
    if (beyond) mark.classList.add("beyond");
    mark.style.left = percent(placeOf(drawn, eventTime));
    return mark;
  }));
}

function partitionRows({ partitions, folded }: Shown): HTMLElement[] {
  const numbers = [4];
  const rows = partitions.map(({ partition, state, watermark, maxEventTime, lag }) =>
    row([
      String(partition),
      STATES[state],
      dateTime(watermark),
      dateTime(maxEventTime),
      figure(lag),
    ], numbers)
  );
  if (folded !== null) {
    const { count, idle, from, to, maxEventTime, lag } = folded;
    rows.push(row([
      `… ${count} more`,
      idle === 0 ? "" : `${idle} of them idle`,
      from === null ? dateTime(null) : `between ${dateTime(from)} and ${dateTime(to)}`,
      dateTime(maxEventTime),
      figure(lag),
    ], numbers));
  }
  return [
    head(["partition", "state", "watermark", "largest event time", "lag"], numbers),
    el("tbody", { children: rows }),
  ];
}

function windowRows({ open, moreOpen }: Shown): HTMLElement[] {
  const numbers = [2, 3];
  const rows = open.map(({ start, end, events, waiting, emitted, broken }) =>
    row([
      dateTime(start),
      dateTime(end),
      figure(events),
      figure(waiting),
      broken ?? (emitted ? "emitted, open for late events" : "waits for the watermark"),
    ], numbers)
  );
  if (moreOpen > 0) rows.push(row([`… ${figure(moreOpen)} more`, "", "", "", ""], numbers));
  return [
    head(["open window", "ends", "events", "on their way", "state"], numbers),
    el("tbody", { children: rows }),
  ];
}

function place(element: HTMLElement, drawn: Span, from: number, to: number): void {
  const left = placeOf(drawn, from);
  element.style.left = percent(left);
  element.style.width = percent(placeOf(drawn, to) - left);
}

function percent(share: number): string {
  return `${(share * 100).toFixed(3)}%`;
}
