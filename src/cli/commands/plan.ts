import type { Command } from 'commander';
import type { RunDocument } from '../../contract/run-document.ts';
import { scoreTables } from '../../contract/steps.ts';
import type { SearchSpec, StepSpec } from '../../contract/steps.ts';
import { compileFile, withCompileOptions, type CompileOptions } from '../compile-file.ts';
import { cliOf, examples } from '../context.ts';
import { estimatesOf, renderEstimate, type Estimated } from '../estimates.ts';
import type { Forecast } from '../forecast.ts';
import { oneLine, parameters } from '../../present/format.ts';
import { openPorts } from '../../adapters/open.ts';
import { table } from '../table.ts';
import type { Terminal } from '../terminal.ts';

interface Options extends CompileOptions {
  readonly sql?: boolean;
}

export function registerPlan(program: Command): void {
  withCompileOptions(program.command('plan'))
    .description('what a run would do: the steps, what is cached, which SQL with which parameters, what its searches will probably cost')
    .argument('<file>', 'pipeline file, or a document that `longhaul compile` wrote')
    .option('--sql', 'print the SQL in full')
    .addHelpText('after', examples('longhaul plan pipeline.yaml', 'longhaul plan pipeline.yaml --profile gcp --set params.weeks=8 --sql'))
    .action(async (file: string, options: Options, command: Command) => {
      const cli = cliOf(command);
      const document = await compileFile(file, options, cli);
      const { forecast } = await import('../forecast.ts');
      await using ports = openPorts();
      const steps = await forecast(document, ports);
      const searching = steps.filter(({ step, what }) => step.spec.kind === 'search' && what !== 'cached').map(({ step }) => step.id);
      const estimates = searching.length === 0 ? [] : await estimatesOf(document, searching, await ports.warehouse(document.profile));
      const plan = steps.map(({ step, what, key, why }) => ({
        step: step.id,
        kind: step.spec.kind,
        after: step.dependsOn,
        what,
        key,
        why,
        does: does(step.spec),
        ...(step.spec.kind === 'query' ? { sqlFile: step.spec.sqlFile, sql: step.spec.sql, parameters: step.spec.parameters } : {}),
      }));
      cli.print(
        {
          pipeline: document.pipeline,
          profile: document.profileName,
          hash: document.hash,
          steps: plan,
          onExit: document.onExit.map((step) => step.id),
          estimates,
        },
        () => render(document, steps, estimates, cli.terminal, options.sql === true),
      );
    });
}

/** A table that fits the terminal; elsewhere nothing is cut. */
function render(
  document: RunDocument,
  steps: readonly Forecast[],
  estimates: readonly Estimated[],
  terminal: Terminal,
  sql: boolean,
): string {
  const { colors } = terminal;
  const before =
    Math.max(4, ...steps.map(({ step }) => step.id.length)) + Math.max(5, ...steps.map(({ step }) => step.dependsOn.join(', ').length));
  const room = process.stdout.isTTY ? Math.max(30, terminal.columns - before - 'evaluate  depends'.length - 6) : Infinity;
  const paint = { cached: colors.green, run: colors.cyan, depends: colors.yellow };
  const says = { cached: 'cached', run: 'runs', depends: 'depends' };
  const rows = steps.map(({ step, what, why }) => [
    step.id,
    step.spec.kind,
    paint[what](says[what]),
    step.dependsOn.join(', '),
    oneLine([does(step.spec), why].filter(Boolean).join('; '), room),
  ]);
  const exit = document.onExit.map((step) => [step.id, step.spec.kind, 'at exit', '', oneLine(does(step.spec), room)]);
  const cached = steps.filter((step) => step.what === 'cached').length;
  const parts = [
    `${colors.bold(document.pipeline)} on ${document.profileName}: ${steps.length} steps, ${cached} cached; document ${document.hash.slice(0, 12)}`,
    table([{ title: 'step' }, { title: 'kind' }, { title: 'what' }, { title: 'after' }, { title: 'does' }], [...rows, ...exit], colors.dim),
  ];
  if (estimates.length > 0) parts.push(estimates.map((one) => renderEstimate(one, document)).join('\n'));
  if (sql)
    for (const { step } of steps)
      if (step.spec.kind === 'query')
        parts.push(
          [
            `${colors.bold(step.id)} ${colors.dim(step.spec.sqlFile)}`,
            ...Object.entries(step.spec.parameters).map(([name, { type, value }]) =>
              colors.dim(`-- @${name} ${type} = ${JSON.stringify(value)}`),
            ),
            step.spec.sql.trimEnd(),
          ].join('\n'),
        );
  return parts.join('\n\n');
}

function schedulerOf({ scheduler, schedulerChoice }: SearchSpec): string {
  if (schedulerChoice !== undefined) return `, scheduler auto: ${schedulerChoice}`;
  return scheduler === undefined ? '' : `, scheduler ${scheduler.kind}`;
}

/** A step in a line. */
function does(spec: StepSpec): string {
  switch (spec.kind) {
    case 'query': {
      const values = Object.fromEntries(Object.entries(spec.parameters).map(([name, parameter]) => [`@${name}`, parameter.value]));
      return `${spec.sqlFile} → ${spec.destination}${Object.keys(values).length > 0 ? ` with ${parameters(values)}` : ''}`;
    }
    case 'export':
      return `${spec.table} → ${spec.destination}`;
    case 'search':
      return `${spec.trials} trials, ${spec.parallel} at once, ${spec.objective.goal} ${spec.objective.metric}${schedulerOf(spec)}`;
    case 'evaluate':
      if (spec.scores === undefined) return `${spec.model} on ${spec.table}`;
      return `${spec.task}: ${scoreTables(spec)
        .map(({ table }) => table)
        .join(', ')}`;
    case 'check':
      return `${spec.rules.length} rules on ${spec.table}`;
    case 'container':
      return [spec.image ?? spec.code?.from, ...spec.command].join(' ');
    case 'script':
      return spec.file;
    case 'approval':
      return spec.message;
  }
}
