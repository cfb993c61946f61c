/** Serves `longhaul-warehouse`: queries, exports, evaluations. With an embedded warehouse they share the cores of this machine, hence few at once. */
import { availableParallelism } from 'node:os';
import { createCheckActivities } from '../activities/checks.ts';
import { createEvaluationActivities } from '../activities/evaluation.ts';
import { createExportActivities } from '../activities/exports.ts';
import { createQueryActivities } from '../activities/queries.ts';
import { createScoringActivities } from '../activities/scoring.ts';
import { createWarehouseJobActivities } from '../activities/warehouse-jobs.ts';
import { TASK_QUEUES } from '../src/contract/names.ts';
import { main } from './run-worker.ts';

main({
  name: 'warehouse',
  taskQueue: TASK_QUEUES.warehouse,
  workflows: false,
  maxActivities: Number(process.env.LONGHAUL_WAREHOUSE_ACTIVITIES ?? Math.max(2, availableParallelism())),
  activities: (ports) => ({
    ...createQueryActivities(ports),
    ...createExportActivities(ports),
    ...createEvaluationActivities(ports),
    ...createScoringActivities(ports),
    ...createCheckActivities(ports),
    ...createWarehouseJobActivities(ports),
  }),
});
