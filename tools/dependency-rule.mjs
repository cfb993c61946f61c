/**
 * The dependency rule of docs/architecture.md as a lint rule: which folder may import which.
 * Own code instead of a plugin's resolver because paths here are plain relative ones, and a look at the path is a thousand times faster.
 */
import { dirname, relative, resolve, sep } from 'node:path';
import { builtinModules } from 'node:module';

/** Folder → folders that it may import. `types:` marks folders of which only types may be imported. */
const MAY_IMPORT = {
  'src/contract': [],
  'src/compile': ['src/contract'],
  'src/ports': ['src/contract'],
  'src/adapters': ['src/ports', 'src/contract'],
  'src/codec': [],
  'src/telemetry': [],
  'src/client': ['src/codec', 'src/contract', 'src/telemetry'],
  'src/report': ['src/client', 'src/contract', 'types:src/ports'],
  'src/console': ['src/client', 'src/contract', 'src/report', 'types:src/ports'],
  // The ledger and logs are read through the ports: `src/cli/ports.ts` is the one file that may open adapters.
  'src/cli': [
    'src/client',
    'src/codec',
    'src/compile',
    'src/contract',
    'src/report',
    'src/console',
    'src/ports',
    'deploy/local',
    'src/stack/emulators',
  ],
  workflows: ['src/contract', 'types:activities'],
  activities: ['src/ports', 'src/contract'],
  workers: ['activities', 'src/adapters', 'src/codec', 'src/ports', 'src/contract', 'src/telemetry', 'workflows'],
};

/** Single files that may see more than their folder, each for the reason given there. */
const EXCEPTIONS = {
  'src/cli/ports.ts': ['workers'],
  'src/cli/check-sql.ts': ['src/adapters'],
  'src/cli/commands/trial.ts': ['src/adapters'],
  // `longhaul doctor` asks each vendor in the adapter's own way.
  'src/cli/doctor-checks.ts': ['src/adapters'],
  'src/cli/forecast.ts': ['activities', 'workflows'],
  // A replayed search is judged by the rules themselves.
  'src/cli/replay/replayed-search.ts': ['workflows'],
};

/** Modules that workflow code may load: deterministic ones. */
const WORKFLOW_PACKAGES = new Set(['@temporalio/workflow', '@temporalio/common', '@temporalio/interceptors-opentelemetry']);
const BUILTINS = new Set(builtinModules.flatMap((name) => [name, `node:${name}`]));

const folderOf = (path) =>
  Object.keys(MAY_IMPORT).find((folder) => path === folder || path.startsWith(`${folder}/`)) ?? path.split('/').slice(0, 2).join('/');

export const dependencyRule = {
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
      const to = folderOf(
        relative(context.cwd, resolve(dirname(context.filename), source))
          .split(sep)
          .join('/'),
      );
      if (to === from || allowed.includes(to)) return;
      if (!allowed.includes(`types:${to}`)) context.report({ node, messageId: 'folder', data: { from, to } });
      else if (!typesOnly) context.report({ node, messageId: 'types', data: { from, to } });
    };
    return { ImportDeclaration: check, ExportNamedDeclaration: check, ExportAllDeclaration: check, ImportExpression: check };
  },
};
