import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { root, step } from '../../bin/setup-tools.mjs';
import { ensureHelm } from '../../deploy/helm/tool.ts';

/** The chart as Helm packages it. */
export async function buildChart(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await step('packaging the chart', await ensureHelm(), ['package', join(root, 'deploy/helm/longhaul'), '--destination', folder], {
    cwd: root,
  });
}
