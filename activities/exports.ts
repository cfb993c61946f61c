/** Export steps: table → parquet parts and their manifest. */
import type { ExportSpec, Json } from '../src/contract/index.ts';
import type { Ports } from '../src/ports/index.ts';
import type { ExportManifest } from '../src/ports/warehouse.ts';
import { translated } from './failures.ts';
import { withHeartbeat } from './heartbeat.ts';
import { labelsOf, warehouseJobId } from './queries.ts';
import type { WorkInput, WorkResult } from './queries.ts';

export const createExportActivities = (ports: Ports) =>
  translated({
    async runExport(input: WorkInput<ExportSpec>): Promise<WorkResult> {
      return withHeartbeat(async (context) => {
        const warehouse = await ports.warehouse(input.profile);
        const { kind: _kind, ...request } = input.spec;
        const manifest = await warehouse.export({ ...request, jobId: warehouseJobId(input), labels: labelsOf(input) }, context);
        const outputs = {
          uri: input.spec.destination,
          manifest: manifest.uri,
          parts: manifest.parts.length,
          rows: manifest.rows,
          bytes: manifest.bytes,
          layout: layoutOf(manifest),
        };
        return { outputs, bytes: manifest.bytes };
      });
    },
  });
const layoutOf = ({ layout }: ExportManifest): Json =>
  layout ? { session: layout.session, buckets: layout.buckets, orderBy: [...layout.orderBy] } : null;

export type ExportActivities = ReturnType<typeof createExportActivities>;
