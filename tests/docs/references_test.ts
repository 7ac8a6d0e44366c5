import assert from "node:assert/strict";
import denoJson from "../../deno.json" with { type: "json" };
import { ROOMS } from "../../scripts/lint/rooms.ts";
import { DOCUMENTS, kindOf, read, section, tableRows, UNREADABLE } from "./_docs.ts";

/** The anchor that a heading gets. */
function anchorOf(heading: string): string {
  return heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-");
}

function anchors(path: string): Set<string> {
  const headings = [...read(path).matchAll(/^#+ (.+)$/gm)].map(([, text]) => String(text));
  return new Set(headings.map(anchorOf));
}

Deno.test({
  name: "docs: links lead to files and headings that exist",
  ignore: UNREADABLE,
  fn() {
    for (const document of DOCUMENTS) {
      for (const [, target = ""] of read(document).matchAll(/\]\(([^)\s]+)\)/g)) {
        const [path = "", anchor] = target.split("#");
        const url = new URL(path || document.split("/").at(-1) || "", `file:///${document}`);
        const file = url.pathname.slice(1);
        assert.equal(kindOf(file), "file", `${document} links to ${target}`);
        if (anchor === undefined) continue;
        assert.ok(anchors(file).has(anchor), `${document} links to ${target}`);
      }
    }
  },
});

Deno.test({
  name: "docs: files and folders that are named exist",
  ignore: UNREADABLE,
  fn() {
    const rooms = Object.keys(ROOMS).join("|").replace("(root)", "docs");
    const named = new RegExp(`\`((?:${rooms}|\\.ci)/[\\w./-]*)\``, "g");
    // The example's own file, and the folder that the first recorded history makes.
    const passed = /^(?:pipelines\/page_views\.ts|tests\/histories\/)$/;
    for (const document of DOCUMENTS) {
      for (const [, path = ""] of read(document).matchAll(named)) {
        if (passed.test(path)) continue;
        assert.notEqual(kindOf(path), null, `${document} names ${path}`);
      }
    }
  },
});

Deno.test({
  name: "docs: every dependency is explained, in its version",
  ignore: UNREADABLE,
  fn() {
    const rows = tableRows(section(read("docs/architecture.md"), "Dependencies"));
    const named = rows.map(([name, version]) => `npm:${name?.replaceAll("`", "")}@${version}`);
    assert.deepEqual(named.sort(), Object.values(denoJson.imports).sort());
    for (const [name, , why, where] of rows) assert.ok(why && where, `${name} lacks words`);
  },
});

Deno.test({
  name: "docs: no document names a host beyond this machine",
  ignore: UNREADABLE,
  fn() {
    for (const document of DOCUMENTS) {
      const hosts = [...read(document).matchAll(/\bhttps?:\/\/([^\s/:)`"]+)/g)].map(([, h]) => h);
      assert.deepEqual(hosts.filter((host) => host !== "127.0.0.1" && host !== "localhost"), []);
    }
  },
});
