/** Makes the bundles of workflows ahead, for images: `LONGHAUL_CACHE=/app node workers/build-bundle.ts` puts them into /app/bundles. */
import { workflowBundle } from './workflow-bundle.ts';

for (const traced of [false, true])
  for (const sealed of [false, true]) process.stdout.write(`${(await workflowBundle({ traced, sealed })).codePath}\n`);
