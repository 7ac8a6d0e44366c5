/**
 * Tidegate's own lint rules, loaded by `deno lint` through `lint.plugins` in `deno.json`:
 * `imports` (who may import whom, from the table in `rooms.ts`) and `determinism` (what may not be
 * touched in `core/` and `workflows/`). Begin reading at `rooms.ts`.
 *
 * @module
 */

import { determinism } from "./determinism_rules.ts";
import { imports } from "./import_rules.ts";

/** The plugin `tidegate`. */
const plugin: Deno.lint.Plugin = { name: "tidegate", rules: { imports, determinism } };

export default plugin;
