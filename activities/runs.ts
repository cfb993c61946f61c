/** The beginning and the end of a run: the document is checked, the ledger hears of it. */
import { activityInfo, getClient, log } from '@temporalio/activity';
import type { z } from 'zod';
import { LEDGER_VERSION } from '../src/contract/ledger.ts';
import type { LedgerRow } from '../src/contract/ledger.ts';
import { withOlderWorkers } from '../src/contract/release-differences.ts';
import { RunDocument } from '../src/contract/run-document.ts';
import type { Profile } from '../src/contract/profile.ts';
import type { Step } from '../src/contract/steps.ts';
import { QUERIES } from '../src/contract/names.ts';
import { archiveUri, documentUri } from '../src/contract/state.ts';
import type { RunArchive, RunGraph, RunResult, RunState, SearchState, StepState } from '../src/contract/state.ts';
import type { Ports } from '../src/ports/index.ts';
import { RUN_NAME, RUN_NAME_IN_WORDS } from '../src/contract/run-names.ts';
import { teamOfQueue } from '../src/contract/teams.ts';
import { canonicalJson } from '../src/contract/canonical-json.ts';
import { clusterProblem } from '../src/contract/clusters.ts';
import { factorPlayed } from '../src/rules/durations.ts';
import { failure, translated } from './failures.ts';
import { withHeartbeat } from './heartbeat.ts';
import { asTransientRefusal } from './foreign-systems.ts';
import { violations } from '../src/rules/policy.ts';
import type { Policy } from '../src/contract/policy.ts';
import { profilesByCluster } from '../src/contract/clusters.ts';
import { secretProblem, secretsOf } from '../src/rules/secrets.ts';
import { checkShipped } from './shipped-code.ts';
import { rowKey, stepRow } from './step-rows.ts';
import { refuseViolations } from './policy-guard.ts';

const PROBLEMS_SHOWN = 5;

export interface OpenRunInput {
  readonly run: string;
  /** Whoever started the workflow may have passed anything. */
  readonly document: unknown;
  readonly startedAt: number;
  /** The how-manieth time it is run again; absent of the first run. */
  readonly retry?: number;
}

export interface OpenedRun {
  /** The document with defaults filled in; null when it was complete. */
  readonly completed: RunDocument | null;
}

interface CloseRunInput {
  readonly run: string;
  readonly pipeline: string;
  readonly profile: Profile;
  readonly profileName: string;
  readonly documentHash: string;
  readonly commit: string | null;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly status: RunResult['status'];
  readonly cost: number;
  readonly error: string | null;
  /** Steps that never began, which no other activity told the ledger of. */
  readonly unrecorded: readonly StepState[];
}

interface RunOptions {
  /** What the workflows of a run say of it; null where they cannot be asked. */
  readonly viewOf?: (run: string) => Promise<RunArchive | null>;
  /** Of these workers; null: a document may ask for everything. */
  readonly policy?: Policy | null;
}

export const createRunActivities = (ports: Ports, { viewOf = askWorkflows, policy = null }: RunOptions = {}) =>
  translated({
    /** Checks the document (`temporal workflow start` takes any), keeps it in the object store, adds the run to the ledger. */
    async validateRun(input: OpenRunInput): Promise<OpenedRun> {
      const document = checkedDocument(input);
      refuseOtherFactor(document.factor ?? 1);
      if (policy !== null) refuseViolations(violations(policy, document));
      return withHeartbeat(() => open(ports, input, document));
    },

    /** Adds the end of the run, and the steps that never began, to the ledger; keeps how it stood beside its document. */
    async closeRun(input: CloseRunInput): Promise<void> {
      await withHeartbeat(async () => {
        await asTransientRefusal(() => close(ports, input));
        await archive(ports, input, await viewOf(input.run));
      });
    },
  });
export type RunActivities = ReturnType<typeof createRunActivities>;

async function open(ports: Ports, input: OpenRunInput, document: RunDocument): Promise<OpenedRun> {
  const store = await ports.store(document.profile);
  await checkShipped(store, [...document.steps, ...document.onExit]);
  const uri = documentUri(store.root, input.run);
  await store.write(uri, JSON.stringify(document, null, 2), { contentType: 'application/json' });
  // What was kept of its end is not true any more.
  if (input.retry !== undefined) await store.remove(archiveUri(store.root, input.run));
  const row: LedgerRow<'runs'> = {
    pipeline: document.pipeline,
    run: input.run,
    time: iso(input.startedAt),
    status: 'running',
    profile: document.profileName,
    document_hash: document.hash,
    commit: document.source.commit,
    document_uri: uri,
    started_at: iso(input.startedAt),
    currency: document.profile.currency,
    team: teamOfQueue(activityInfo().taskQueue),
    ledger_version: LEDGER_VERSION,
  };
  await (await ports.warehouse(document.profile)).append('runs', [row], rowKey('runs', input.run, 'start'));
  return { completed: canonicalJson(document) === canonicalJson(input.document) ? null : document };
}

async function close(ports: Ports, input: CloseRunInput): Promise<void> {
  const warehouse = await ports.warehouse(input.profile);
  const store = await ports.store(input.profile);
  const skipped = input.unrecorded.map((state) => stepRow({ ...input, state, endedAt: input.endedAt }));
  if (skipped.length > 0) await warehouse.append('steps', skipped, rowKey('steps', input.run, 'not-begun'));
  const row: LedgerRow<'runs'> = {
    pipeline: input.pipeline,
    run: input.run,
    time: iso(input.endedAt),
    status: input.status,
    profile: input.profileName,
    document_hash: input.documentHash,
    commit: input.commit,
    document_uri: documentUri(store.root, input.run),
    started_at: iso(input.startedAt),
    ended_at: iso(input.endedAt),
    cost: input.cost,
    currency: input.profile.currency,
    team: teamOfQueue(activityInfo().taskQueue),
    error: input.error,
    ledger_version: LEDGER_VERSION,
  };
  await warehouse.append('runs', [row], rowKey('runs', input.run, 'end'));
}

async function archive(ports: Ports, input: CloseRunInput, view: RunArchive | null): Promise<void> {
  if (view === null) return;
  const store = await ports.store(input.profile);
  await store.write(archiveUri(store.root, input.run), JSON.stringify(view), { contentType: 'application/json' });
}

/** A picture for later: a run is not kept from ending by a query that nobody answers. */
async function askWorkflows(run: string): Promise<RunArchive | null> {
  try {
    const { workflow } = getClient();
    const handle = workflow.getHandle(run);
    const [state, graph] = await Promise.all([handle.query<RunState>(QUERIES.state), handle.query<RunGraph>(QUERIES.graph)]);
    const searches = state.steps.filter((step) => step.kind === 'search' && step.startedAt !== null && !step.cacheHit);
    const answers = await Promise.all(
      searches.map(async ({ id, workflowId }): Promise<[string, SearchState][]> => {
        if (workflowId === null) return [];
        const answer = await workflow
          .getHandle(workflowId)
          .query<SearchState>(QUERIES.state)
          .catch(() => null);
        return answer === null ? [] : [[id, answer]];
      }),
    );
    return { version: 1, run: state, graph, searches: Object.fromEntries(answers.flat()) };
  } catch (error) {
    log.warn(`the run ${run} is not kept for reading without a server`, { error });
    return null;
  }
}

function checkedDocument(input: OpenRunInput): RunDocument {
  if (!RUN_NAME.test(input.run)) {
    throw failure(
      'InvalidDocument',
      `the workflow id ${JSON.stringify(input.run)} cannot be the name of a run: expected ${RUN_NAME_IN_WORDS}`,
    );
  }
  const parsed = RunDocument.safeParse(input.document);
  if (!parsed.success)
    throw failure('InvalidDocument', withOlderWorkers(`the run document is not valid:\n${describe(parsed.error, input.document)}`));
  const problem =
    graphProblem([...parsed.data.steps, ...parsed.data.onExit]) ??
    poolProblem(parsed.data.profile) ??
    clusterProblem(parsed.data.profile) ??
    secretsProblem(parsed.data);
  if (problem) throw failure('InvalidDocument', `the run document is not valid: ${problem}`);
  return parsed.data;
}

/** Workflows go by their document and activities by their worker: at different paces they would not meet. */
function refuseOtherFactor(factor: number): void {
  const played = factorPlayed();
  if (factor === played) return;
  const how = `only workers that were started with LONGHAUL_SOAK_FACTOR=${factor} accept it`;
  throw failure('InvalidDocument', `the run document is not valid:\nfactor: expected ${played}, found ${factor}; ${how}`);
}

function describe(error: z.ZodError, document: unknown): string {
  const lines = error.issues
    .slice(0, PROBLEMS_SHOWN)
    .map((issue) => `${issue.path.join('.') || 'document'}: ${issue.message}${found(document, issue.path)}`);
  const more = error.issues.length - lines.length;
  return [...lines, ...(more > 0 ? [`and ${more} more`] : [])].join('\n');
}

function found(document: unknown, path: readonly PropertyKey[]): string {
  let value: unknown = document;
  for (const part of path) value = typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[part] : undefined;
  return value === undefined ? '' : `, found ${JSON.stringify(value).slice(0, 80)}`;
}

/** Steps must come after what they depend on: that also rules out cycles. */
function graphProblem(steps: readonly Step[]): string | null {
  const seen = new Set<string>();
  for (const step of steps) {
    if (seen.has(step.id)) return `steps.${step.id}: there are two steps of this name`;
    const missing = step.dependsOn.find((id) => !seen.has(id));
    if (missing !== undefined) return `steps.${step.id}.dependsOn: ${missing} is not a step before it (unknown, or a cycle)`;
    seen.add(step.id);
  }
  return null;
}

/** Of a document that no compiler made. */
function secretsProblem({ profile, steps, onExit }: RunDocument): string | null {
  for (const { id, spec } of [...steps, ...onExit])
    for (const reference of secretsOf(spec)) {
      const problem = profilesByCluster(profile).map(({ compute }) => secretProblem(reference, compute.kind)).find((each) => each !== null); // prettier-ignore
      if (problem) return `steps.${id}.secrets.${reference.name}: expected ${problem.expected}, found ${problem.found}`;
    }
  return null;
}

function poolProblem(profile: Profile): string | null {
  const names = profile.pools.map((pool) => pool.name);
  const unknown = profile.placement.order.find((name) => !names.includes(name));
  return unknown === undefined ? null : `profile.placement.order: no pool ${unknown}; pools: ${names.join(', ')}`;
}

const iso = (milliseconds: number): string => new Date(milliseconds).toISOString();
