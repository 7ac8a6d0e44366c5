/**
 * The lint rule `tidegate/determinism`: `core/` is pure and `workflows/` is replayed, so neither
 * may read a clock, draw a random number, do I/O or depend on the machine's locale. Workflow time
 * has one door, `workflows/time.ts`, which carries the only ignore comment.
 *
 * @module
 */

import { projectPath } from "./_project_path.ts";

const TIME = "take the time as an argument; in workflows/ use time.ts";
const RANDOM = "take the value as an argument";
const TIMER = "in workflows/ use sleep and condition of @temporalio/workflow";
const OUTSIDE = "do it in activities/ or adapters/ and take the result as an argument";
const ESCAPE = "name what is wanted, so that this rule can see it";

/** Globals that are refused, each with what to do instead. */
const BANNED: Readonly<Record<string, string>> = {
  performance: TIME,
  crypto: RANDOM,
  setTimeout: TIMER,
  setInterval: TIMER,
  setImmediate: TIMER,
  Deno: OUTSIDE,
  process: OUTSIDE,
  fetch: OUTSIDE,
  console: "throw or return; in workflows/ use log of @temporalio/workflow",
  navigator: OUTSIDE,
  localStorage: OUTSIDE,
  sessionStorage: OUTSIDE,
  caches: OUTSIDE,
  Worker: OUTSIDE,
  WebSocket: OUTSIDE,
  EventSource: OUTSIDE,
  BroadcastChannel: OUTSIDE,
  XMLHttpRequest: OUTSIDE,
  Intl: "results must not depend on the machine's locale or ICU version",
  WeakRef: "results must not depend on the garbage collector",
  FinalizationRegistry: "results must not depend on the garbage collector",
  globalThis: ESCAPE,
  global: ESCAPE,
  self: ESCAPE,
  eval: ESCAPE,
  Function: ESCAPE,
};

/** Parents under which an identifier is a type or a label, not a value. */
const TYPE_PARENTS: ReadonlySet<string> = new Set([
  "TSTypeReference",
  "TSQualifiedName",
  "TSTypeQuery",
  "TSPropertySignature",
  "TSMethodSignature",
  "TSFunctionType",
  "TSClassImplements",
  "TSInterfaceHeritage",
  "TSNamedTupleMember",
]);

/** Parents whose non-computed `key` is a name, not a value. */
const KEY_PARENTS: ReadonlySet<string> = new Set([
  "Property",
  "MethodDefinition",
  "PropertyDefinition",
  "AccessorProperty",
]);

/** Reports clocks, randomness, I/O and locale in `core/` and `workflows/`. */
export const determinism: Deno.lint.Rule = {
  create(context) {
    const path = projectPath(context.filename);
    if (path === null || !/^(?:core|workflows)\//.test(path)) return {};
    const room = path.slice(0, path.indexOf("/") + 1);
    const reported = new Set<number>(); // `{ x }` is visited as a key and as a value
    const refuse = (node: Deno.lint.Node, what: string, hint: string) => {
      if (reported.has(node.range[0])) return;
      reported.add(node.range[0]);
      context.report({ node, message: `Cannot use ${what} in ${room}`, hint });
    };

    return {
      Identifier(node) {
        if (isOnlyAName(node)) return;
        const { name } = node;
        if (name === "Date" && !isTimelessDate(node)) {
          refuse(node, "the clock (Date.now, Date() or a Date that hides it)", TIME);
        } else if (name === "Math" && !isExactMath(node)) {
          refuse(node, "Math.random (or a Math that hides it)", RANDOM);
        } else if (Object.hasOwn(BANNED, name)) {
          refuse(node, name, BANNED[name] ?? ESCAPE);
        }
      },
      MemberExpression(node) {
        const { property } = node;
        if (node.computed || property.type !== "Identifier") return;
        if (/^(?:localeCompare|toLocale[A-Z]\w*)$/.test(property.name)) {
          refuse(property, property.name, "results must not depend on the machine's locale");
        }
      },
    };
  },
};

/** Whether the identifier names a member, a key or a type rather than the global. */
function isOnlyAName(node: Deno.lint.Identifier): boolean {
  const { parent } = node;
  if (TYPE_PARENTS.has(parent.type)) return true;
  if (parent.type === "MemberExpression") return !parent.computed && same(parent.property, node);
  if (KEY_PARENTS.has(parent.type) && "key" in parent && "computed" in parent) {
    const shorthand = "shorthand" in parent && parent.shorthand;
    return !parent.computed && !shorthand && same(parent.key, node);
  }
  return false;
}

/** `new Date(x)`, `Date.parse`, `Date.UTC` and `instanceof Date` read no clock. */
function isTimelessDate(node: Deno.lint.Identifier): boolean {
  const { parent } = node;
  if (parent.type === "NewExpression") {
    const first = parent.arguments[0];
    return same(parent.callee, node) && first !== undefined && first.type !== "SpreadElement";
  }
  if (parent.type === "BinaryExpression") return parent.operator === "instanceof";
  return /^(?:parse|UTC)$/.test(memberOf(node));
}

/** `Math.x` with a plain name other than `random`. */
function isExactMath(node: Deno.lint.Identifier): boolean {
  const member = memberOf(node);
  return member !== "" && member !== "random";
}

/** The plain member taken of an identifier, or "". */
function memberOf(node: Deno.lint.Identifier): string {
  const { parent } = node;
  if (parent.type !== "MemberExpression" || parent.computed) return "";
  if (!same(parent.object, node) || parent.property.type !== "Identifier") return "";
  return parent.property.name;
}

function same(a: Deno.lint.Node | null | undefined, b: Deno.lint.Node): boolean {
  return a?.range[0] === b.range[0] && a.range[1] === b.range[1];
}
