/**
 * Durations have one home, `src/rules/durations.ts` and the folder beside it, where a soak can divide them: elsewhere in the product no number may
 * stand for one. What a document says itself has its default in its schema (`.default(600)`), which is not looked at.
 */
import { relative, sep } from 'node:path';

const FOLDERS = /^(src|activities|workflows|workers)\//;
const HOME = /^src\/rules\/durations(?:\.ts$|\/)/;
const NAMES = /(?:^|_)(?:MS|SECONDS|MINUTES|HOURS|DAYS)$|(?:Ms|Seconds|Minutes|Hours|Days)$/;
/** Options of others that are durations without a unit in their name. */
const OPTIONS = /^timeout$|(?:Timeout|Interval)$/;
/** How many of one are in another: no duration. */
const CONVERSIONS = /PER_|^(?:SECOND|MINUTE|HOUR|DAY|WEEK)_(?:MS|SECONDS)$/;
const TEXT = /^\d+(?:\.\d+)? ?(?:milliseconds?|seconds?|minutes?|hours?|days?|weeks?)$/;
const WAITING = new Set(['setTimeout', 'setInterval', 'sleep', 'delay', 'pause', 'timeout', 'condition']);

/** A positive number, or arithmetic of numbers only. */
function isNumber(node) {
  if (node?.type === 'Literal') return typeof node.value === 'number' && node.value > 0;
  return node?.type === 'BinaryExpression' && isNumber(node.left) && isNumber(node.right);
}

const nameOf = (node) => (node?.type === 'Identifier' ? node.name : node?.type === 'Literal' ? String(node.value) : '');
const calledName = ({ callee }) => nameOf(callee.type === 'MemberExpression' ? callee.property : callee);

export const durationsRule = {
  meta: {
    type: 'problem',
    schema: [],
    messages: { literal: 'a duration has its home in src/rules/durations/: give it a name there, and use WAITS or GRACES here' },
  },
  create(context) {
    const file = relative(context.cwd, context.filename).split(sep).join('/');
    if (!FOLDERS.test(file) || HOME.test(file)) return {};
    const named = (name, value) => {
      if (NAMES.test(name) && !CONVERSIONS.test(name) && isNumber(value)) context.report({ node: value, messageId: 'literal' });
    };
    return {
      VariableDeclarator: ({ id, init }) => named(nameOf(id), init),
      AssignmentPattern: ({ left, right }) => named(nameOf(left), right),
      Property: ({ key, value }) => {
        const name = nameOf(key);
        if (OPTIONS.test(name) && isNumber(value)) context.report({ node: value, messageId: 'literal' });
        else named(name, value);
      },
      Literal: (node) => {
        if (typeof node.value === 'string' && TEXT.test(node.value)) context.report({ node, messageId: 'literal' });
      },
      CallExpression: (node) => {
        if (!WAITING.has(calledName(node))) return;
        for (const argument of node.arguments) if (isNumber(argument)) context.report({ node: argument, messageId: 'literal' });
      },
    };
  },
};
