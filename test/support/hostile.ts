/** Text that a page must show and never obey, and a run that is full of it. */
import { makeRun, type MadeRun } from './run-data.ts';

const HOSTILE = `"><img src=x onerror="window.hacked=1"></script><script>window.hacked=1</script><svg onload=window.hacked=1>'\`{{7*7}}\${1}`;

/** Every text that comes from outside holds markup: names, reasons, causes, nodes, parameters, SQL. */
export function hostileRun(): MadeRun {
  const made = makeRun({ trials: 6, stage: 'failed' });
  return {
    ...made,
    run: {
      ...made.run,
      reason: HOSTILE,
      pipeline: HOSTILE,
      steps: made.run.steps.map((step) => ({ ...step, reason: HOSTILE, outputs: { ...step.outputs, [HOSTILE]: HOSTILE } })),
      approvals: [{ step: 'release', message: HOSTILE, since: 0, until: 1 }],
    },
    graph: { ...made.graph, nodes: [...made.graph.nodes, { id: HOSTILE, kind: 'query', onExit: false }] },
    document: { ...made.document, description: HOSTILE, source: { file: HOSTILE, commit: HOSTILE, dirty: true }, profileName: HOSTILE },
    searches: {
      search: {
        ...made.searches.search!,
        trials: made.searches.search!.trials.map((trial) => ({
          ...trial,
          status: 'failed',
          reason: HOSTILE,
          parameters: { ...trial.parameters, [HOSTILE]: HOSTILE, units: HOSTILE },
        })),
      },
    },
    attempts: made.attempts.map((row) => ({ ...row, pool: HOSTILE, node: HOSTILE, cause: HOSTILE, job: HOSTILE, verdict: 'crashed' })),
    evaluations: made.evaluations.map((row) => ({ ...row, scorer: 'model', metric: HOSTILE })),
  };
}
