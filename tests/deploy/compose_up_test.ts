import assert from "node:assert/strict";
import { commandOf, readmeCommands } from "../../deploy/checks/compose_up/walk.ts";

const SECTION = "With Docker Compose";

Deno.test("compose up: the commands of a section, without their comments", () => {
  const readme = `# T\n\n## A\n\n\`\`\`sh\nno\n\`\`\`\n\n## ${SECTION}\n\n` +
    "```sh\na up -d  # why\n```\n\ntext\n\n```sh\n\nb down\n```\n\n## B\n\n```sh\nno\n```\n";
  const commands = readmeCommands(readme, SECTION);
  assert.deepEqual(commands, ["a up -d", "b down"]);
  assert.equal(commandOf(commands, "a up"), "a up -d");
  assert.throws(() => commandOf(commands, "a down"), /the README must have one command/);
});

Deno.test({
  name: "compose up: the README has the commands that are tried on an engine",
  ignore: Deno.permissions.querySync({ name: "read", path: "README.md" }).state !== "granted",
  fn() {
    const commands = readmeCommands(Deno.readTextFileSync("README.md"), SECTION);
    const tried = ["compose up", "compose exec", "compose run", "compose down"]
      .map((start) => commandOf(commands, `docker ${start}`));
    assert.deepEqual(
      commands.filter((line) => !tried.includes(line)),
      [commandOf(commands, "deno task status")],
    );
  },
});
