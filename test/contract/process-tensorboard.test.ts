import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openProcessCompute } from '../../src/adapters/process/index.ts';
import { processTensorboards } from '../../src/adapters/process/tensorboard.ts';

it('is a process that answers, is found by the next who starts it, and ends when it is stopped', async () => {
  const path = await mkdtemp(join(tmpdir(), 'longhaul-tensorboard-'));
  const compute = await openProcessCompute({ kind: 'process', path });
  try {
    const spec = { pipeline: 'grocery_ranking', logdir: `file://${path}` };
    const url = await processTensorboards(compute).start(spec);
    // Another home's pipeline of this name has another one.
    const other = { ...spec, home: 'south' };
    const otherUrl = await processTensorboards(compute).start(other);
    expect(otherUrl).not.toBe(url);
    await processTensorboards(compute).stop(other);
    expect(await (await fetch(url)).text()).toContain('TensorBoard');
    expect(await processTensorboards(compute).start(spec)).toBe(url);
    await processTensorboards(compute).stop(spec);
    await expect(fetch(url)).rejects.toThrow();
    await processTensorboards(compute).stop(spec);
  } finally {
    for (const { name } of await compute.list()) await compute.remove(name);
    await compute.close();
    await rm(path, { recursive: true, force: true });
  }
});
