import assert from "node:assert/strict";
import {
  DOCUMENTS,
  filesBelow,
  kindOf,
  read,
  section,
  tableRows,
  testNames,
  UNREADABLE,
} from "./_docs.ts";

/** Where the table of hostile input takes its tests from. */
const FOLDERS = ["tests/core", "tests/definition", "tests/pipelines", "tests/integration/path"];

Deno.test({
  name: "docs: every line of the table of hostile input names tests that exist",
  ignore: UNREADABLE,
  fn() {
    const files = FOLDERS.flatMap(filesBelow).filter((path) => path.endsWith("_test.ts"));
    const known = new Set(files.flatMap(testNames));
    const rows = tableRows(section(read("docs/semantics.md"), "Hostile input"));
    assert.ok(rows.length > 30);
    for (const [input, outcome, tests = ""] of rows) {
      assert.ok(outcome, `${input} has no outcome`);
      const named = [...tests.matchAll(/"([^"]+)"/g)].map(([, name]) => String(name));
      assert.ok(named.length > 0, `${input}: names no test`);
      assert.deepEqual(named.filter((name) => !known.has(name)), [], `${input}`);
    }
  },
});

Deno.test({
  name: "docs: a test that is named with its file is in that file",
  ignore: UNREADABLE,
  fn() {
    let count = 0;
    for (const document of DOCUMENTS) {
      for (
        const [, name = "", file = ""] of read(document).matchAll(
          /"([^"\n]+)"\s+\(`(tests\/[^`]+)`\)/g,
        )
      ) {
        assert.equal(kindOf(file), "file", `${document} names ${file}`);
        assert.ok(testNames(file).includes(name), `${document}: "${name}" is not in ${file}`);
        count += 1;
      }
    }
    assert.ok(count > 5);
  },
});
