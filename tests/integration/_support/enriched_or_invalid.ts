/**
 * The pipeline of `enriched.ts`, where events whose lookup fails are invalid.
 *
 * @module
 */

import { enriched } from "./enriched.ts";

export default enriched("invalid");
