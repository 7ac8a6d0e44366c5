/**
 * The presenter's button: starts and stops spike producers.
 *
 * @module
 */

import { byId, setText } from "./dom.ts";

/**
 * Sets the button up.
 *
 * @returns Takes whether the button is there, and whether the load runs.
 */
export function setUpPresenter(): (demo: boolean, loading: boolean) => void {
  const button = byId("presenter");
  const note = byId("presenter-note");
  let on = false;
  let asked: boolean | null = null;
  button.addEventListener("click", () => {
    asked = !on;
    setText(note, "");
    void fetch(`/api/load?on=${asked}`, {
      method: "POST",
      headers: { "x-tidegate-presenter": "1" },
    }).then(async (response) => {
      if (!response.ok) throw new Error(await response.text());
    }).catch((error: Error) => {
      asked = null;
      setText(note, `That did not work: ${error.message}`);
    });
  });
  return (demo, loading) => {
    button.hidden = !demo;
    on = loading;
    if (asked === on) asked = null;
    button.setAttribute("aria-pressed", String(on));
    const busy = asked === null ? "" : "…";
    setText(button, `${on ? "Stop the spike" : "Start a spike"}${busy}`);
  };
}
