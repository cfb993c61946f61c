/** Shows a run while it goes on: a tree that is repainted on a terminal, lines elsewhere. */
import { setTimeout as sleep } from 'node:timers/promises';
import { CannotConnectError, RunFailedError } from '../client/errors.ts';
import { QuestionPace } from '../client/changes.ts';
import type { Run } from '../client/run.ts';
import { searchWorkflowId } from '../contract/ids.ts';
import type { RunResult, SearchState } from '../contract/state.ts';
import type { Cli } from './context.ts';
import { changes, treeLines, type Snapshot } from './run-tree.ts';
import { GRACES } from '../rules/durations.ts';

interface Followed {
  readonly snapshot: Snapshot | null;
  readonly result: RunResult | null;
  readonly failure: RunFailedError | null;
  /** True when the signal ended it first. */
  readonly detached: boolean;
  /** When all questions have come back: the connection must be there for as long, or the SDK asks again on one that is closed. */
  readonly settled: Promise<void>;
}

/** Asks for the run and its searches. A search that is no longer known (it ended long ago) is left out. */
export async function snapshotOf(run: Run): Promise<Snapshot> {
  const state = await run.state();
  const searches: Record<string, SearchState> = {};
  const active = state.steps.filter((step) => step.kind === 'search' && step.startedAt !== null && !step.cacheHit);
  await Promise.all(
    active.map(async (step) => {
      const found = await run
        .search(step.id)
        .state()
        .catch(() => null);
      if (found) searches[step.id] = found;
    }),
  );
  return { run: state, searches };
}

/** Follows until the run ends or the signal aborts. Servers that are away for a while only stop the picture. */
export async function follow(run: Run, cli: Cli, signal: AbortSignal): Promise<Followed> {
  const screen = await createScreen(cli);
  let snapshot: Snapshot | null = null;
  const outcome: { end: End | null; broken: unknown } = { end: null, broken: null };
  const over = new AbortController();
  const until = AbortSignal.any([signal, over.signal]);
  const waiting = resultOf(run, signal)
    .then(
      (end) => (outcome.end = end),
      (error: unknown) => (outcome.broken = error),
    )
    .finally(() => {
      over.abort();
    });
  const repainting = setInterval(() => snapshot && screen.repaint(snapshot), GRACES.treeLookMs);
  const looking = whileItChanges(run, until, async () => {
    const now = await snapshotOf(run).catch(() => null);
    if (now && !until.aborted) screen.show((snapshot = now));
    return now;
  });
  // A busy worker may owe an answer for long; a refusal is told without it.
  await Promise.race([looking, waiting]);
  clearInterval(repainting);
  if (!signal.aborted) await waiting;
  if (outcome.broken !== null && !signal.aborted) {
    await looking;
    throw outcome.broken as Error;
  }
  // The last state, after everything has ended; of a run that never began there is none.
  const { failure = null } = outcome.end ?? {};
  const isRefusal = failure !== null && wasRefused(failure);
  if (!isRefusal) await looking;
  const last = isRefusal || signal.aborted ? null : await snapshotOf(run).catch(() => null);
  if (last) screen.show((snapshot = last));
  screen.done();
  return { snapshot, settled: looking, detached: outcome.end === null, ...(outcome.end ?? { result: null, failure: null }) };
}

/** Whether the workers would not begin it: nothing was made that could be told of. */
export const wasRefused = ({ status, result }: RunFailedError): boolean => status === 'failed' && result === null;

/** Looks once, and again whenever the run or a search of it has moved on. */
async function whileItChanges(run: Run, until: AbortSignal, look: () => Promise<Snapshot | null>): Promise<void> {
  const changes = run.changes();
  const pace = new QuestionPace();
  try {
    for (;;) {
      const quietSince = performance.now();
      await changes.news(until);
      if (until.aborted) return;
      const quietMs = performance.now() - quietSince;
      const seen = changes.takeAll();
      const snapshot = await look();
      for (const step of Object.keys(snapshot?.searches ?? {})) changes.follow(searchWorkflowId(run.id, step));
      if (!snapshot) changes.again(seen);
      await sleep(pace.after(quietMs), undefined, { signal: until }).catch(() => undefined);
    }
  } finally {
    changes.close();
  }
}

interface End {
  readonly result: RunResult | null;
  readonly failure: RunFailedError | null;
}

/** The long poll for the end survives a server that is restarted. */
async function resultOf(run: Run, signal: AbortSignal): Promise<End> {
  for (;;) {
    try {
      return { result: await run.result({ signal }), failure: null };
    } catch (error) {
      if (error instanceof RunFailedError) return { result: error.result, failure: error };
      if (!(error instanceof CannotConnectError) || signal.aborted) throw error;
      await sleep(GRACES.linesLookMs);
    }
  }
}

interface Screen {
  readonly show: (snapshot: Snapshot) => void;
  /** The same once more, with the times of now. */
  readonly repaint: (snapshot: Snapshot) => void;
  readonly done: () => void;
}

async function createScreen(cli: Cli): Promise<Screen> {
  const { terminal } = cli;
  if (cli.json) return { show: () => undefined, repaint: () => undefined, done: () => undefined };
  if (terminal.live) {
    // Loaded here: what it knows of emoji takes a tenth of a short command's time.
    const { createLogUpdate } = await import('log-update');
    const update = createLogUpdate(process.stderr);
    const show = (snapshot: Snapshot): void => {
      update(treeLines(snapshot, terminal.talk, Date.now(), terminal.columns).join('\n'));
    };
    return {
      show,
      repaint: show,
      done: () => {
        update.done();
      },
    };
  }
  let before: Snapshot | null = null;
  return {
    show: (snapshot) => {
      const now = Date.now();
      for (const line of changes(before, snapshot, now)) terminal.say(`${new Date(now).toISOString()} ${line}`);
      before = snapshot;
    },
    repaint: () => undefined,
    done: () => undefined,
  };
}

/** Aborts at the first Ctrl-C; the second ends the process at once. */
export function onInterrupt(): { readonly signal: AbortSignal; readonly dispose: () => void } {
  const controller = new AbortController();
  const handler = (): void => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, handler);
  return {
    signal: controller.signal,
    dispose: () => {
      for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(name, handler);
    },
  };
}
