import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from '../../bin/setup-tools.mjs';
import { ensureHelm } from '../../deploy/helm/tool.ts';
import { run } from './run-program.ts';

/** The chart as Helm packages it. */
export async function buildChart(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await run(await ensureHelm(), ['package', join(root, 'deploy/helm/longhaul'), '--destination', folder], root);
}
