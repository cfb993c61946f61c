/** Routes under `/api`: JSON and event streams. Who asks was settled before; what changes anything needs an operator and a CSRF token. */
import { Hono, type Context, type MiddlewareHandler } from 'hono';
import { UnknownRunError } from '../client/errors.ts';
import type { RunSummary } from '../client/index.ts';
import type { RunDocument } from '../contract/run-document.ts';
import type { SearchState } from '../contract/state.ts';
import { importanceInput } from '../present/gathering.ts';
import { addressOf, type Access, type Identity } from './access.ts';
import { Answers } from './cached-json.ts';
import { commandOf } from './controls.ts';
import { describeFailure, HttpError } from './failures.ts';
import { REPORT_POLICY } from './guard.ts';
import type { RunModels } from './run-models.ts';
import { OpenStreams } from './open-streams.ts';
import type { Overview } from './overview.ts';
import { reportOf } from './report.ts';
import { RUNS_SHOWN, type RunList } from './run-list.ts';
import type { RunModel } from './run-model.ts';
import type { ConsoleSource } from './source.ts';
import { eventStream, logStream, type Reader } from './streams.ts';
import { thin } from '../present/charts/thin.ts';
import { comparedView, curvesView, runView, searchInfo } from './views.ts';
import type { ModelsView, TrialView } from './wire.ts';

interface ApiParts {
  readonly source: ConsoleSource;
  readonly models: RunModels;
  readonly list: RunList;
  readonly overview: Overview;
  readonly access: Access;
}

export interface Variables {
  identity: Identity;
}

const CURVE_POINTS = 3000;
const TRIAL_POINTS = 800;
const LOG_LINES = 1000;
const MAX_COMPARED = 8;

export function createApi({ source, models, list, overview, access }: ApiParts): Hono<{ Variables: Variables }> {
  const api = new Hono<{ Variables: Variables }>();
  const answers = new Answers();
  const answer = (context: Context, model: RunModel, question: string, make: () => unknown): Promise<Response> =>
    answers.respond(context, { owner: model, version: model.version, question }, make);

  const streams = new OpenStreams();
  /** @throws HttpError 429 */
  const readerOf = (context: Context<{ Variables: Variables }>): Reader => ({
    staysIn: () =>
      access.identify(context).then(
        (identity) => identity !== null,
        // Whether a session was ended cannot be said now: what is open stays open.
        (error: unknown) => !(error instanceof HttpError),
      ),
    leaves: streams.enter(context.get('identity').user, addressOf(context)),
  });

  api.get('/session', (context) => context.json(access.describe(context.get('identity'))));

  api.get('/runs', async (context) => {
    const { pipeline, status } = context.req.query();
    const runs = await list.get();
    const wanted = (run: RunSummary): boolean =>
      (pipeline === undefined || run.pipeline === pipeline) && (status === undefined || run.status === status);
    return context.json({ cursor: list.events.cursor, limit: RUNS_SHOWN, runs: runs.filter(wanted) });
  });
  api.get('/runs/events', (context) => eventStream(context, list.events, readerOf(context)));

  api.get('/overview', async (context) => {
    const view = await overview.get();
    return answers.respond(context, { owner: overview, version: overview.version, question: 'overview' }, () => view);
  });
  api.get('/overview/events', (context) => eventStream(context, overview.events, readerOf(context)));

  api.get('/compare', async (context) => {
    const runs = [...new Set(context.req.queries('run') ?? [])].slice(0, MAX_COMPARED);
    for (const run of runs) checkRun(run);
    const found = await Promise.all(runs.map((run) => models.get(run)));
    return context.json(found.map(comparedView));
  });

  const onlyRuns: MiddlewareHandler = async (context, next) => {
    checkRun(context.req.param('run') ?? '');
    await next();
  };
  api.use('/runs/:run', onlyRuns);
  api.use('/runs/:run/*', onlyRuns);

  api.get('/runs/:run', async (context) => {
    const model = await models.get(context.req.param('run'));
    return answer(context, model, 'run', () => runView(model, source));
  });
  api.get('/runs/:run/events', async (context) => {
    const { events } = await models.get(context.req.param('run'));
    return eventStream(context, events, readerOf(context));
  });
  api.get('/runs/:run/document', async (context) => {
    const document = await source.document(context.req.param('run'));
    return answers.respond(context, { owner: document, version: 0, question: 'document' }, () => document);
  });
  api.get('/runs/:run/results', async (context) => {
    const model = await models.get(context.req.param('run'));
    return answer(
      context,
      model,
      'results',
      () => ({ models: model.models, evaluations: model.evaluations, checks: model.checks }) satisfies ModelsView,
    );
  });
  api.get('/runs/:run/report', async (context) => {
    const html = await reportOf(await models.get(context.req.param('run')), source);
    return context.html(html, 200, { 'content-security-policy': REPORT_POLICY, 'cache-control': 'no-store' });
  });

  api.get('/runs/:run/steps/:step/curves', async (context) => {
    const { run, step } = context.req.param();
    const model = await models.get(run);
    const metric = context.req.query('metric') ?? searchOf(model, step).objective.metric;
    return answer(context, model, `curves ${step} ${metric}`, () => curvesView(model, step, metric, CURVE_POINTS));
  });

  api.get('/runs/:run/steps/:step/importance', async (context) => {
    const { run, step } = context.req.param();
    const model = await models.get(run);
    const input = importanceInput(model.document, step, searchOf(model, step).trials);
    return context.json(input && (await source.importance(run, step, input)));
  });

  api.get('/runs/:run/steps/:step/trials/:trial', async (context) => {
    const { run, step, trial } = context.req.param();
    return context.json(await trialView(await models.get(run), step, numberIn(trial), source));
  });

  api.get('/runs/:run/steps/:step/logs', async (context) => {
    const { run, step } = context.req.param();
    const { trial, attempt } = context.req.query();
    const document = await source.document(run);
    checkStep(document, step);
    const query = {
      step,
      ...(trial === undefined ? {} : { trial: numberIn(trial) }),
      ...(attempt === undefined ? {} : { attempt: numberIn(attempt) }),
    };
    return logStream(
      context,
      (signal) => source.logs(document, run, query, { tailLines: LOG_LINES, signal }),
      (error) => describeFailure(error).message,
      readerOf(context),
    );
  });

  api.post('/runs/:run/controls/:name', async (context) => {
    const identity = context.get('identity');
    access.checkCsrf(context, identity);
    if (identity.role !== 'operator')
      throw new HttpError(403, 'ReadOnly', `${identity.user} is a viewer here and may not use the controls`);
    const { run, name } = context.req.param();
    const body: unknown = await context.req.json().catch(() => {
      throw new HttpError(400, 'InvalidInput', 'the request holds no JSON');
    });
    const answer = await source.send(commandOf(run, name, body, identity));
    await models.refresh(run).catch(() => undefined);
    return context.json(answer);
  });

  return api;
}

/** Names of searches and trials are names of workflows too, below that of their run, but not of runs. */
function checkRun(run: string): void {
  if (run.includes('/')) throw new UnknownRunError(run);
}

/** What is no step of the run must not become part of a path. */
function checkStep({ steps, onExit }: RunDocument, step: string): void {
  if (![...steps, ...onExit].some(({ id }) => id === step)) throw new HttpError(404, 'UnknownStep', `there is no step “${step}”`);
}

function numberIn(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new HttpError(400, 'InvalidInput', 'trials and attempts are whole numbers');
  return Number(text);
}

function searchOf(model: RunModel, step: string): SearchState {
  const search = model.searches[step];
  if (!search) throw new HttpError(404, 'UnknownSearch', `${model.id} has no search “${step}” that has begun`);
  return search;
}

async function trialView(model: RunModel, step: string, number: number, source: ConsoleSource): Promise<TrialView> {
  searchOf(model, step);
  const trial = model.trial(step, number);
  const spec = [...model.document.steps, ...model.document.onExit].find((one) => one.id === step);
  const info = spec && searchInfo(spec);
  if (!trial || !info) throw new HttpError(404, 'UnknownTrial', `search “${step}” of ${model.id} has no trial ${number}`);
  const points = model.points(step, number);
  const at = (point: (typeof points)[number]): { x: number; y: number } => ({
    x: point.samples,
    y: Object.values(point.metrics).find((value) => value !== null) ?? 0,
  });
  return {
    trial,
    info,
    attempts: model.attempts.filter((row) => row.step === step && row.trial === number),
    points: thin(points, TRIAL_POINTS, at),
    total: points.length,
    files: trial.output === '' ? { checkpoints: [], exports: [] } : await source.files(model.document, trial.output),
    workflowLink: trial.workflowId === '' ? null : source.workflowLink(trial.workflowId),
  };
}
