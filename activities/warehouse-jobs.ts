/** The end of warehouse jobs that nobody watches any more. */
import type { Ports } from '../src/ports/index.ts';
import type { CheckSpec } from '../src/contract/checks.ts';
import type { EvaluateSpec, ExportSpec, QuerySpec } from '../src/contract/steps.ts';
import { evaluationName, predictJobId, ranksJobId } from './evaluation/names.ts';
import { translated } from './failures.ts';
import { withHeartbeat } from './heartbeat.ts';
import { warehouseJobId } from './queries.ts';
import type { WorkInput } from './queries.ts';

export type WarehouseWork = WorkInput<QuerySpec | ExportSpec | EvaluateSpec | CheckSpec>;

export const createWarehouseJobActivities = (ports: Ports) =>
  translated({
    /** Ends all that a step has running in the warehouse, whichever worker started it. */
    async cancelWarehouseJobs(input: WarehouseWork): Promise<void> {
      await withHeartbeat(async () => {
        const warehouse = await ports.warehouse(input.profile);
        for (const id of jobIdsOf(input)) await warehouse.cancel(id);
      });
    },
  });
export type WarehouseJobActivities = ReturnType<typeof createWarehouseJobActivities>;

function jobIdsOf(input: WarehouseWork): string[] {
  if (input.spec.kind !== 'evaluate') return [warehouseJobId(input)];
  const name = evaluationName(input);
  return [predictJobId(name), ranksJobId(name)];
}
