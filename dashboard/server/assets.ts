/**
 * The page's files, by a fixed list: nothing else is ever served. TypeScript becomes JavaScript when
 * it is first asked for, by leaving the types out.
 *
 * @module
 */

import { stripTypeScriptTypes } from "node:module";

/** A file of the page. */
export interface Asset {
  /** Its bytes. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** Its media type. */
  readonly type: string;
  /** Tells one content from another. */
  readonly etag: string;
}

const HTML = "text/html; charset=utf-8";
const CSS = "text/css; charset=utf-8";
const JS = "text/javascript; charset=utf-8";

const PAGE = new URL("../page/", import.meta.url);
const CHARTS = new URL("../../node_modules/uplot/dist/", import.meta.url);

/** Modules of the page; served under their own names. */
const MODULES = [
  "account_panel.ts",
  "connection.ts",
  "dom.ts",
  "fleet_panel.ts",
  "format.ts",
  "health_panel.ts",
  "lanes.ts",
  "load_panel.ts",
  "main.ts",
  "model.ts",
  "results_panel.ts",
  "time_panel.ts",
];

const FILES: ReadonlyMap<string, readonly [file: URL, type: string]> = new Map<
  string,
  readonly [file: URL, type: string]
>([
  ["/", [new URL("index.html", PAGE), HTML]],
  ["/style.css", [new URL("style.css", PAGE), CSS]],
  ["/icon.svg", [new URL("icon.svg", PAGE), "image/svg+xml"]],
  ...MODULES.map((name) => [`/${name}`, [new URL(name, PAGE), JS]] as const),
  ["/vendor/uplot.js", [new URL("uPlot.esm.js", CHARTS), JS]],
  ["/vendor/uplot.css", [new URL("uPlot.min.css", CHARTS), CSS]],
]);

const read = new Map<string, Promise<Asset>>();

/**
 * A file of the page.
 *
 * @returns The file; null if there is none.
 */
export async function assetOf(path: string): Promise<Asset | null> {
  const found = FILES.get(path);
  if (found === undefined) return null;
  const asset = read.get(path) ?? load(...found);
  read.set(path, asset);
  try {
    return await asset;
  } catch (error) {
    read.delete(path);
    throw error;
  }
}

async function load(file: URL, type: string): Promise<Asset> {
  const bytes = await Deno.readFile(file);
  const body = file.pathname.endsWith(".ts")
    ? new TextEncoder().encode(browserModule(new TextDecoder().decode(bytes)))
    : bytes;
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", body));
  return { body, type, etag: `"${hash.toHex().slice(0, 32)}"` };
}

/**
 * Makes a module that browsers run.
 *
 * @returns JavaScript; the chart library, which has a bare name, is named by its address.
 */
export function browserModule(text: string): string {
  return stripTypeScriptTypes(text).replaceAll('from "uplot"', 'from "/vendor/uplot.js"');
}
