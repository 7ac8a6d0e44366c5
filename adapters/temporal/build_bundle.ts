/**
 * Builds the workflow bundle in a process of its own, because building it in the control process
 * would cost that process 130 MB for good. Run by `bundle.ts`; its argument is the file to write.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { bundleWorkflowCode, DefaultLogger } from "@temporalio/worker";

if (import.meta.main) {
  const [target] = Deno.args;
  if (target === undefined) throw new Error("Cannot build the bundle: no target file given");
  const { code } = await bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL("../../workflows/mod.ts", import.meta.url)),
    logger: new DefaultLogger("WARN"),
  });
  await Deno.writeTextFile(target, code);
}
