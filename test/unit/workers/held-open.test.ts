import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';

it('a worker ends although something holds its process open: whoever replaces it waits for its end', async () => {
  const runWorker = pathToFileURL(resolve('workers/run-worker.ts')).href;
  const program = `
    import { main } from ${JSON.stringify(runWorker)};
    setInterval(() => {}, 1000);
    main({ name: 'held', taskQueue: 'longhaul-control', workflows: false, activities: () => ({}), maxActivities: 1 });`;
  // Its end is that of one that cannot begin: what comes after it is the same.
  const env = { ...process.env, LONGHAUL_SOAK_FACTOR: 'none' };
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (text: Buffer) => (said += text.toString()));
  const [code] = (await once(child, 'close')) as [number];
  expect([code, said]).toEqual([1, expect.stringContaining('LONGHAUL_SOAK_FACTOR') as string]);
});
