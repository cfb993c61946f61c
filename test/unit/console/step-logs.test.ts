/** Logs of steps over the console's own routes: of a Job that runs, of what was kept of one, and of what is none. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openPorts } from '../../../src/adapters/open.ts';
import type { Longhaul } from '../../../src/client/index.ts';
import { createLiveSource, startConsole, type ConsoleServer } from '../../../src/console/index.ts';
import { Profile } from '../../../src/contract/profile.ts';
import type { JobInfo, JobLogOptions } from '../../../src/ports/compute.ts';
import type { Ports } from '../../../src/ports/index.ts';
import { endUri, logPrefix, pieceUri, stepLogHome } from '../../../src/rules/kept-logs.ts';
import { OPTIONS } from '../../console/harness.ts';
import { makeRun } from '../../support/run-data.ts';

const RUN = 'grocery-ranking-20261120-080000-k3f9';
const OTHER = 'grocery-ranking-20261119-080000-a1b2';

describe('the log of a step', () => {
  const folder = mkdtempSync(join(tmpdir(), 'longhaul-step-logs-'));
  const real = openPorts();
  let server: ConsoleServer;
  let jobs: JobInfo[] = [];
  let asked: JobLogOptions[] = [];
  let lines: () => AsyncIterable<string>;
  const profile = Profile.parse({
    warehouse: { kind: 'duckdb', path: join(folder, 'warehouse') },
    storage: { kind: 'directory', path: join(folder, 'store') },
    compute: { kind: 'process', path: join(folder, 'jobs') },
    pools: [{ name: 'spot', spot: true, pricePerHour: 1 }],
  });
  const document = { ...makeRun().document, profile };
  const step = document.steps[0]?.id ?? '';

  beforeAll(async () => {
    const ports: Ports = {
      ...real,
      compute: async (of) => ({
        ...(await real.compute(of)),
        list: () => Promise.resolve(jobs),
        logs: (_name, options = {}) => {
          asked.push(options);
          return lines();
        },
      }),
    };
    const run = { id: RUN, document: () => Promise.resolve(document) };
    const longhaul = { target: { namespace: 'default' }, run: () => run } as unknown as Longhaul;
    server = await startConsole(createLiveSource(longhaul, ports, null), OPTIONS);
  });
  afterAll(async () => {
    await server.close();
    await real.close();
    rmSync(folder, { recursive: true });
  });
  beforeEach(() => {
    jobs = [];
    asked = [];
    lines = () => {
      throw new Error('there is no Job');
    };
  });

  const job = (labels: object): JobInfo => ({ name: 'j', phase: 'running', labels: { run: RUN, step, ...labels } });
  const keep = async (run: string, of: string, attempt: number, text: string, ended = true): Promise<void> => {
    const store = await real.store(profile);
    const prefix = logPrefix(stepLogHome(store.root, run, of), attempt);
    await store.write(pieceUri(prefix, 0), text);
    if (ended) await store.write(endUri(prefix), '{}');
  };
  const log = async (
    path: string,
    run = RUN,
  ): Promise<{ readonly status: number; readonly lines: string[]; readonly events: string[] }> => {
    const answer = await fetch(`${server.url}/api/runs/${encodeURIComponent(run)}/steps/${encodeURIComponent(path)}/logs`);
    const text = await answer.text();
    const events = [...text.matchAll(/^event: (\w+)\ndata: (.*)$/gm)].map(([, name = '', data = '']) => ({ name, data }));
    return {
      status: answer.status,
      events: events.map(({ name }) => name),
      lines: events.flatMap(({ name, data }) => (name === 'lines' ? (JSON.parse(data) as string[]) : [])),
    };
  };

  it('is that of its Job while there is one, followed to its end', async () => {
    jobs = [job({})];
    lines = async function* () {
      for (let i = 0; i < 1200; i++) yield await Promise.resolve(`line ${i} <b>`);
    };
    const found = await log(step);
    expect(found.lines).toHaveLength(1200);
    expect(found.lines[7]).toBe('line 7 <b>');
    expect(found.events.at(-1)).toBe('end');
    expect(asked).toMatchObject([{ follow: true, tailLines: 1000 }]);
  });

  it('is what was kept of its last attempt when the Job is gone, and no more than the last thousand lines', async () => {
    expect(await log(step)).toMatchObject({ lines: [], events: ['end'] });
    await keep(RUN, step, 1, 'the first attempt\n');
    await keep(RUN, step, 2, Array.from({ length: 1500 }, (_, i) => `line ${i}\n`).join(''));
    const found = await log(step);
    expect([found.lines.length, found.lines[0], found.lines.at(-1)]).toEqual([1000, 'line 500', 'line 1499']);
    expect(found.events.at(-1)).toBe('end');
  });

  it('says why it cannot be read', async () => {
    jobs = [job({})];
    expect(await log(step)).toMatchObject({ status: 200, lines: [], events: ['failed'] });
  });

  it('is of a step of this run only: no name leads to what another run or another folder keeps', async () => {
    await keep(OTHER, 'secret', 1, 'of another run\n');
    for (const path of ['secret', `../../${OTHER}/steps/secret`, `${step}/../../../${OTHER}/steps/secret`, '..', `${step}/trial/0`])
      expect(await log(path), path).toMatchObject({ status: 404, lines: [] });
  });

  it.each(['/search', '/document', '/controls/pause'])('and no workflow below a run is a run: %s', async (below) => {
    const answer = await fetch(`${server.url}/api/runs/${encodeURIComponent(`${RUN}/search`)}${below === '/search' ? '' : below}`, {
      method: below.startsWith('/controls') ? 'POST' : 'GET',
    });
    expect(answer.status).toBe(404);
  });
});
