/**
 * Light and dark: as the system has it, until the reader chooses.
 *
 * @module
 */

import { byId, setText } from "./dom.ts";

const KEY = "tidegate-theme";

/**
 * Sets the theme and its button up.
 *
 * @param changed Told whenever the colours have changed.
 */
export function setUpTheme(changed: () => void): void {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const button = byId("theme");
  const chosen = () => localStorage.getItem(KEY);
  const isDark = () => chosen() === null ? system.matches : chosen() === "dark";
  const apply = () => {
    document.documentElement.dataset["theme"] = isDark() ? "dark" : "light";
    setText(button, isDark() ? "Light" : "Dark");
    button.setAttribute("aria-label", isDark() ? "Switch to light" : "Switch to dark");
    changed();
  };
  button.addEventListener("click", () => {
    localStorage.setItem(KEY, isDark() ? "light" : "dark");
    apply();
  });
  system.addEventListener("change", apply);
  apply();
}

/**
 * A colour of the theme.
 *
 * @param name The custom property, without the dashes.
 * @returns Its value.
 */
export function color(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
