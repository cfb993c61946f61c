import type { Command } from 'commander';
import { filesIn } from '../../compile/code/archive.ts';
import { InvalidInputError } from '../../contract/errors.ts';
import { violationText } from '../../contract/policy.ts';
import type { RunDocument } from '../../contract/run-document.ts';
import { scoreTables } from '../../contract/steps.ts';
import type { SearchSpec, StepSpec } from '../../contract/steps.ts';
import { compileWithCode, withCompileOptions, type CompileOptions } from '../compile-file.ts';
import { keptForAudits, renderKept } from '../audit-bytes.ts';
import { codeChanges, inStore, type CodeChange } from '../code-changes.ts';
import { cliOf, examples } from '../context.ts';
import { earlierOf, newestFirst, recordedDocument } from '../earlier-runs.ts';
import { estimatesOf, renderEstimate, renderQuote, replicatesBeyondBudget, type Estimated } from '../estimates.ts';
import type { Forecast } from '../forecast.ts';
import { oneLine, parameters } from '../../present/format.ts';
import { comparable, differences, type Difference } from '../../present/differences.ts';
import { openPorts, type OpenPorts } from '../../adapters/open.ts';
import { crossings } from '../../rules/locations.ts';
import { placesOf } from '../doctor-checks.ts';
import { table } from '../table.ts';
import type { Terminal } from '../terminal.ts';

interface Options extends CompileOptions {
  readonly sql?: boolean;
  readonly quote?: boolean;
  readonly policy?: string;
}

export function registerPlan(program: Command): void {
  withCompileOptions(program.command('plan'))
    .description('what a run would do: the steps, what is cached, which SQL with which parameters, what its searches will probably cost')
    .argument('<file>', 'pipeline file, or a document that `longhaul compile` wrote')
    .option('--sql', 'print the SQL in full')
    .option('--quote', 'cost, end and quality of each search at 5, 50 and 95 % of what earlier runs say')
    .option('--policy <file>', 'what the workers allow: refuses what they would refuse; otherwise the file of LONGHAUL_POLICY')
    .addHelpText('after', examples('longhaul plan pipeline.yaml', 'longhaul plan pipeline.yaml --profile gcp --set params.weeks=8 --sql'))
    .action(async (file: string, options: Options, command: Command) => {
      const cli = cliOf(command);
      const { document, code, registry } = await compileWithCode(file, options, cli);
      await refuseByPolicy(document, options.policy);
      const { forecast, madeBefore, searching } = await import('../forecast.ts');
      await using ports = openPorts();
      const steps = await forecast(document, ports);
      const searches = searching(steps);
      const [warehouse, store] = await Promise.all([ports.warehouse(document.profile), ports.store(document.profile)]);
      const earlier = searches.length === 0 ? null : await earlierOf(document, madeBefore(steps), { warehouse, store });
      const estimates = earlier === null ? [] : estimatesOf(document, searches, earlier);
      const kept = earlier === null ? [] : await keptForAudits(document, searches, earlier.trials, store);
      const far = crossings(await placesOf(document.profile)).map(({ detail, remedy }) => `${detail}; ${remedy}`);
      const plan = steps.map(({ step, what, key, why }) => ({
        step: step.id,
        kind: step.spec.kind,
        after: step.dependsOn,
        ...(step.combination ? { combination: step.combination } : {}),
        what,
        key,
        why,
        does: does(step.spec),
        ...codeOf(step.spec, code),
        ...(step.spec.kind === 'query' ? { sqlFile: step.spec.sqlFile, sql: step.spec.sql, parameters: step.spec.parameters } : {}),
      }));
      const since = await sinceLastRun(document, code, ports).catch(() => null);
      const { tagWarnings } = await import('../image-digests.ts');
      const warnings = [...(await tagWarnings(document, registry)), ...far, ...replicatesBeyondBudget(document)];
      cli.print(
        {
          pipeline: document.pipeline,
          profile: document.profileName,
          hash: document.hash,
          steps: plan,
          onExit: document.onExit.map((step) => step.id),
          estimates,
          audits: kept,
          warnings,
          since,
        },
        () =>
          [
            render(document, steps, estimates, cli.terminal, options),
            ...combinations(document),
            ...steps.flatMap(({ step }) => codeLine(step.id, codeOf(step.spec, code).code ?? null)),
            ...kept.map(renderKept),
            ...(since ? [sinceLine(since)] : []),
            ...warnings.map((warning) => cli.terminal.colors.yellow(warning)),
          ].join('\n'),
      );
    });
}

/** @throws InvalidInputError with each rule that says no */
async function refuseByPolicy(document: RunDocument, file = process.env.LONGHAUL_POLICY): Promise<void> {
  const [{ readPolicy }, { violations }] = await Promise.all([import('../../adapters/policy-file.ts'), import('../../rules/policy.ts')]);
  const policy = await readPolicy(file);
  if (policy === null || file === undefined) return;
  const problems = violations(policy, document).map((found) => ({ file, path: '', message: violationText(found) }));
  if (problems.length > 0) throw new InvalidInputError(problems);
}

/** Steps that are made several times, for a search that chooses params of the pipeline. */
export function combinations({ steps }: Pick<RunDocument, 'steps'>): string[] {
  const made = Map.groupBy(
    steps.flatMap(({ combination }) => combination ?? []),
    ({ of }) => of,
  );
  // One of these may be what is made in any run; after the search it is what the best trial chose, which is there by then.
  const before = new Set<string>();
  for (const { id, dependsOn, spec } of steps.toReversed())
    if (before.has(id) || (spec.kind === 'search' && spec.dataBy)) for (const one of dependsOn) before.add(one);
  return [...made].map(([of, all]) => {
    const values = all.map(({ params }) => Object.entries(params).map(([name, value]) => `${name} ${String(value)}`).join(' and ')); // prettier-ignore
    const itself = before.has(of) ? ['as it is'] : [];
    return `${of} is made ${all.length + itself.length} times, ${[...itself, `with ${values.join('; ')}`].join(', and ')}`;
  });
}

interface ShownCode {
  readonly sha256: string;
  readonly bytes: number;
  readonly from: string;
  /** Absent where the document was compiled before: the archive is in the store. */
  readonly files?: readonly { readonly path: string; readonly bytes: number }[];
}

function codeOf(spec: StepSpec, shipped: ReadonlyMap<string, Uint8Array>): { readonly code?: ShownCode } {
  if ((spec.kind !== 'search' && spec.kind !== 'container') || !spec.code) return {};
  const { sha256, bytes, from } = spec.code;
  const archive = shipped.get(sha256);
  return {
    code: { sha256, bytes, from, ...(archive ? { files: filesIn(archive).map(({ path, data }) => ({ path, bytes: data.length })) } : {}) },
  };
}

const SHOWN_FILES = 12;

function codeLine(step: string, code: ShownCode | null): string[] {
  if (!code) return [];
  const names = (code.files ?? []).map(({ path }) => path);
  const more = names.length > SHOWN_FILES ? `, and ${names.length - SHOWN_FILES} more (--output json has them all)` : '';
  const listed = names.length === 0 ? '' : `: ${names.slice(0, SHOWN_FILES).join(', ')}${more}`;
  return [`code of ${step}: ${code.from}, ${Math.ceil(code.bytes / 1024)} KiB, ${code.sha256.slice(0, 12)}${listed}`];
}

interface Since {
  readonly run: string;
  readonly changes: readonly Difference[];
  readonly code: readonly Omit<CodeChange, 'diff'>[];
}

/** What is different from the newest run of the pipeline; null: there was none. */
async function sinceLastRun(document: RunDocument, shipped: ReadonlyMap<string, Uint8Array>, ports: OpenPorts): Promise<Since | null> {
  const rows = await (await ports.warehouse(document.profile)).ledger('runs', { pipeline: document.pipeline });
  const [last] = newestFirst(rows);
  const store = await ports.store(document.profile);
  const before = last ? await recordedDocument(last, store) : null;
  if (!last || !before) return null;
  const read = inStore(store);
  const now = { document, read: async (sha256: string) => shipped.get(sha256) ?? (await read(sha256)) };
  const code = await codeChanges({ document: before, read }, now);
  return {
    run: last.run,
    changes: differences(comparable(before), comparable(document)),
    code: code.map(({ step, file, change }) => ({ step, file, change })),
  };
}

function sinceLine({ run, changes, code }: Since): string {
  if (changes.length === 0) return `nothing changed since ${run}`;
  const files = code.map(({ step, file, change }) => `${file} of ${step} ${change === 'unknown' ? 'may have changed' : change}`);
  const paths = changes.map(({ path }) => path).filter((path) => !/\.(?:code|requirements)(?:\.|$)/.test(path));
  return `changed since ${run}: ${oneLine([...files, ...paths].join(', '))}`;
}

/** A table that fits the terminal; elsewhere nothing is cut. */
function render(
  document: RunDocument,
  steps: readonly Forecast[],
  estimates: readonly Estimated[],
  terminal: Terminal,
  { sql = false, quote = false }: Options,
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
  if (quote) parts.push(estimates.map((one) => renderQuote(one, document)).join('\n'));
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
  if (scheduler?.kind === 'pbt')
    return `, a population of ${scheduler.population} compared every ${scheduler.interval} ${scheduler.resource}`;
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
