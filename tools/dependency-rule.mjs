/**
 * The dependency rule of docs/architecture.md as a lint rule: which folder may import which.
 * Own code instead of a plugin's resolver because paths here are plain relative ones, and a look at the path is a thousand times faster.
 */
import { dirname, relative, resolve, sep } from 'node:path';
import { builtinModules } from 'node:module';
import { durationsRule } from './durations-rule.mjs';

/** Folder → folders that it may import. `types:` marks folders of which only types may be imported. */
const MAY_IMPORT = {
  'src/contract': [],
  'src/rules': ['src/contract'],
  'src/compile': ['src/contract', 'src/rules'],
  'src/ports': ['src/contract'],
  'src/adapters': ['src/ports', 'src/contract', 'src/rules'],
  'src/codec': ['src/contract'],
  'src/signing': ['src/contract'],
  'src/telemetry': ['src/contract'],
  'src/cache': ['src/contract', 'src/ports'],
  'src/client': ['bin/setup-tools.mjs', 'src/codec', 'src/contract', 'src/signing', 'src/telemetry'],
  'src/present': ['src/contract', 'src/rules', 'types:src/client', 'types:src/ports'],
  'src/report': ['bin/setup-tools.mjs', 'src/client', 'src/contract', 'src/present', 'types:src/ports'],
  'src/console': ['bin/setup-tools.mjs', 'src/client', 'src/contract', 'src/present', 'types:src/ports'],
  'src/cli': [
    'bin/command-word.mjs',
    'src/client',
    'src/codec',
    'src/compile',
    'src/contract',
    'src/rules',
    'src/present',
    'src/report',
    'src/console',
    'src/ports',
    'src/signing',
    'src/cache',
    'src/stack',
  ],
  'src/stack': ['src/client', 'src/contract', 'src/codec', 'bin/setup-tools.mjs', 'bin/python.mjs'],
  workflows: ['src/contract', 'src/rules', 'types:activities'],
  activities: ['src/ports', 'src/contract', 'src/cache', 'src/rules', 'src/signing'],
  workers: [
    'activities',
    'bin/setup-tools.mjs',
    'src/adapters',
    'src/cache',
    'src/codec',
    'src/contract',
    'src/ports',
    'src/rules',
    'src/telemetry',
    'workflows',
  ],
};

/** Single files that everybody who is named may see, though not the folder around them. */
const OPEN_FILES = { 'src/adapters/open.ts': ['src/cli'], 'src/adapters/policy-file.ts': ['src/cli'] };

/** Numbers with a name, for everyone but those who may import nothing. */
const EVERYBODYS = 'src/rules/durations.ts';

/** Single files that may see more than their folder, each for the reason given there. */
const EXCEPTIONS = {
  'src/cli/compile-file.ts': ['src/adapters'],
  'src/cli/commands/trial.ts': ['src/adapters'],
  // A page of the console is the report itself.
  'src/console/report.ts': ['src/report'],
  // `longhaul doctor` asks each vendor in the adapter's own way.
  'src/cli/doctor-checks.ts': ['src/adapters'],
};

/** Modules that workflow code may load: deterministic ones. */
const WORKFLOW_PACKAGES = new Set(['@temporalio/workflow', '@temporalio/common', '@temporalio/interceptors-opentelemetry']);
const BUILTINS = new Set(builtinModules.flatMap((name) => [name, `node:${name}`]));

const folderOf = (path) =>
  Object.keys(MAY_IMPORT).find((folder) => path === folder || path.startsWith(`${folder}/`)) ?? path.split('/').slice(0, 2).join('/');

const dependencyRule = {
  meta: {
    type: 'problem',
    schema: [],
    messages: {
      folder: '{{from}} may not import {{to}} (the dependency rule)',
      types: '{{from}} may import types only from {{to}}',
      package: 'workflows/ may not import {{to}}: workflow code must be deterministic',
    },
  },
  create(context) {
    const file = relative(context.cwd, context.filename).split(sep).join('/');
    const from = folderOf(file);
    const allowed = MAY_IMPORT[from] && [...MAY_IMPORT[from], ...(EXCEPTIONS[file] ?? [])];
    if (!allowed) return {};
    const check = (node) => {
      const source = node.source?.value;
      if (typeof source !== 'string') return;
      const typesOnly = node.importKind === 'type' || node.exportKind === 'type';
      if (!source.startsWith('.')) {
        if (from === 'workflows' && !typesOnly && (BUILTINS.has(source) || !WORKFLOW_PACKAGES.has(source)))
          context.report({ node, messageId: 'package', data: { to: source } });
        return;
      }
      const target = relative(context.cwd, resolve(dirname(context.filename), source))
        .split(sep)
        .join('/');
      const to = folderOf(target);
      if (to === from || allowed.includes(to) || (target === EVERYBODYS && from !== 'src/contract') || OPEN_FILES[target]?.includes(from))
        return;
      if (!allowed.includes(`types:${to}`)) context.report({ node, messageId: 'folder', data: { from, to } });
      else if (!typesOnly) context.report({ node, messageId: 'types', data: { from, to } });
    };
    return { ImportDeclaration: check, ExportNamedDeclaration: check, ExportAllDeclaration: check, ImportExpression: check };
  },
};

/** As a plugin of oxlint: `longhaul/dependencies`, `longhaul/durations`. */
export default { meta: { name: 'longhaul' }, rules: { dependencies: dependencyRule, durations: durationsRule } };
