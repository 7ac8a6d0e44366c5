/**
 * The lint rule `tidegate/imports`: executes the import table of `rooms.ts` on every form in which
 * TypeScript can name a module.
 *
 * @module
 */

import { projectPath } from "./_project_path.ts";
import { homeless, importProblem, type Mention, roomOf } from "./rooms.ts";

/** Comments that pull in types or libraries behind the back of the import table. */
const DIRECTIVE = /^\/\s*<reference\s+(?:path|types|lib)\s*=|^\s*@(?:ts|deno)-types\b/;

/** Reports imports that `rooms.ts` does not allow. */
export const imports: Deno.lint.Rule = {
  create(context) {
    const path = projectPath(context.filename);
    if (path === null) return {};
    if (roomOf(path) === null) {
      return { Program: () => context.report({ range: [0, 1], message: homeless(path) }) };
    }

    const check = (node: Deno.lint.Node, mention: Mention) => {
      const message = importProblem(path, mention);
      if (message !== null) context.report({ node, message, hint: "See CONTRIBUTING.md, Rooms." });
    };
    const literal = (node: Deno.lint.Node, specifier: string, typeOnly: boolean) =>
      check(node, { specifier, typeOnly });

    return {
      Program() {
        if (!/^(?:core|workflows)\//.test(path)) return;
        for (const comment of context.sourceCode.getAllComments()) {
          if (DIRECTIVE.test(comment.value)) {
            context.report({
              range: comment.range,
              message: "Cannot widen the types of a file in core/ or workflows/ by a comment: " +
                "its lib is set in deno.json",
            });
          }
        }
      },
      ImportDeclaration: (node) => literal(node, node.source.value, node.importKind === "type"),
      ExportNamedDeclaration(node) {
        if (node.source) literal(node, node.source.value, node.exportKind === "type");
      },
      ExportAllDeclaration: (node) => literal(node, node.source.value, node.exportKind === "type"),
      ImportExpression: (node) =>
        check(node, { specifier: literalText(node.source), typeOnly: false }),
      TSImportType: (node) =>
        check(node, { specifier: literalText(node.argument), typeOnly: true }),
      TSExternalModuleReference: (node) => literal(node, node.expression.value, false),
      TSModuleDeclaration(node) {
        const name = literalText(node.id);
        if (name !== null) literal(node, name, true);
      },
      CallExpression(node) {
        if (node.callee.type !== "Identifier" || node.callee.name !== "require") return;
        check(node, { specifier: literalText(node.arguments[0]), typeOnly: false });
      },
    };
  },
};

/** The text of a string literal, of a template without holes, or of a literal type. */
function literalText(node: Deno.lint.Node | undefined): string | null {
  if (node?.type === "TSLiteralType") return literalText(node.literal);
  if (node?.type === "Literal") return typeof node.value === "string" ? node.value : null;
  if (node?.type === "TemplateLiteral" && node.expressions.length === 0) {
    return node.quasis[0]?.cooked ?? null;
  }
  return null;
}
