import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askForWorkers } from '../../src/stack/cluster-workers.ts';
import { Profile } from '../../src/contract/profile.ts';
import { connect } from '../../src/client/index.ts';
import type { Longhaul } from '../../src/client/index.ts';
import type { RunDocument } from '../../src/contract/run-document.ts';
import type { StepState } from '../../src/contract/state.ts';
import { openPorts } from '../../src/adapters/open.ts';
import { documentOf } from '../workflow/documents.ts';
import type { StepInput } from '../workflow/documents.ts';
import { until } from '../workflow/environment.ts';
import { projectOnSharedStack, sharedPids } from './shared-stack.ts';

/** Real server, real workers, real embedded adapters; tiny steps. */
describe('steps on a development stack', () => {
  const folder = projectOnSharedStack('steps');
  const root = `file://${folder}/store`;
  let longhaul: Longhaul;

  beforeAll(async () => {
    longhaul = await connect({ directory: folder });
  });
  afterAll(async () => {
    await longhaul.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const document = (steps: StepInput[]): RunDocument =>
    documentOf(steps, {
      profile: {
        warehouse: { kind: 'duckdb', path: join(folder, 'warehouse') },
        storage: { kind: 'directory', path: join(folder, 'store') },
        compute: { kind: 'process', path: join(folder, 'jobs') },
      },
    });
  const shell = (id: string, source: string, fields: Partial<StepInput> = {}): StepInput => ({
    id,
    ...fields,
    spec: { kind: 'script', language: 'shell', file: `${id}.sh`, source, outputs: { value: 'string' }, output: `${root}/out/${id}-{key}` },
  });
  const chain = (): StepInput[] => [
    {
      id: 'numbers',
      spec: {
        kind: 'query',
        sql: 'SELECT n, n * 2 AS twice FROM UNNEST(GENERATE_ARRAY(1, 100)) AS n',
        sqlFile: 'numbers.sql',
        destination: 'main.numbers_{key}',
      },
    },
    {
      id: 'parts',
      dependsOn: ['numbers'],
      spec: { kind: 'export', table: '{steps.numbers.outputs.table}', destination: `${root}/parts/{key}`, rowsPerPart: 40, orderBy: ['n'] },
    },
    {
      id: 'count',
      dependsOn: ['parts'],
      spec: {
        kind: 'script',
        language: 'python',
        file: 'count.py',
        outputs: { rows: 'int', parts: 'int' },
        output: `${root}/out/count-{key}`,
        inputs: { manifest: '{steps.parts.outputs.manifest}' },
        source: `
import json, os
manifest = json.load(open(json.loads(os.environ["LONGHAUL_INPUTS"])["manifest"].removeprefix("file://")))
json.dump({"rows": sum(part["rows"] for part in manifest["parts"]), "parts": len(manifest["parts"])}, open(os.environ["LONGHAUL_OUTPUTS"], "w"))
`,
      },
    },
  ];
  const outputsOf = (steps: readonly StepState[], id: string): Record<string, unknown> =>
    steps.find((step) => step.id === id)?.outputs ?? {};

  it('run where their pool is, each by the worker of its cluster', async () => {
    const jobs = (cluster: string): string => join(folder, 'jobs', cluster);
    const { profile } = document([]);
    const clusters = { one: { kind: 'process', path: jobs('one') }, two: { kind: 'process', path: jobs('two') } } as const;
    const pools = [
      { name: 'first', cluster: 'one', spot: false },
      { name: 'second', cluster: 'two', spot: false },
    ];
    await askForWorkers(folder, Object.keys(clusters));
    const source = 'printf \'{"value": "%s"}\' "$PWD" > "$LONGHAUL_OUTPUTS"';
    const order = (name: string): object => ({ placement: { order: [name] } });
    for (const [pool, cluster] of [
      ['second', 'two'],
      ['first', 'one'],
    ] as const) {
      const where = Profile.parse({ ...profile, compute: clusters[cluster], cluster, clusters, pools, ...order(pool) });
      const run = await longhaul.start({ ...document([shell(`in-${cluster}`, source)]), profile: where });
      const { steps } = await run.result();
      expect(steps[0]?.outputs['value']).toContain(jobs(cluster));
    }
    expect(Object.keys(sharedPids()).sort()).toEqual(expect.arrayContaining(['training', 'training-one', 'training-two']));
  });

  it('pass data on from SQL to parquet to a script, once', async () => {
    const first = await (await longhaul.start(document(chain()))).result();
    expect(outputsOf(first.steps, 'count')).toMatchObject({ rows: 100, parts: 3 });
    const second = await (await longhaul.start(document(chain()))).result();
    expect(second.steps.map((step) => step.status)).toEqual(['cached', 'cached', 'cached']);
    const ports = openPorts();
    try {
      const warehouse = await ports.warehouse(document([]).profile);
      const rows = await warehouse.ledger('steps', { run: second.run });
      expect(rows.map((row) => [row.step, row.status]).sort()).toEqual([
        ['count', 'cached'],
        ['numbers', 'cached'],
        ['parts', 'cached'],
      ]);
      expect((await warehouse.ledger('runs', { run: second.run })).map((row) => row.status)).toEqual(['succeeded']);
    } finally {
      await ports.close();
    }
  });

  it.each(['training', 'control', 'temporal'])('go on when %s is killed, and start nothing twice', async (victim) => {
    const started = join(folder, `started-${victim}`);
    const gate = join(folder, `gate-${victim}`);
    const source = `echo started >> ${started}\nwhile [ ! -e ${gate} ]; do sleep 0.1; done\necho '{"value": "${victim}"}' > "$LONGHAUL_OUTPUTS"\n`;
    const run = await longhaul.start(
      document([shell('long', source), shell('next', `echo '{"value": "after"}' > "$LONGHAUL_OUTPUTS"`, { dependsOn: ['long'] })]),
    );
    await until(async () => existsSync(started), 'the script to start');
    const before = sharedPids()[victim];
    if (!before) throw new Error(`no process ${victim}`);
    process.kill(before, 'SIGKILL');
    await until(async () => sharedPids()[victim] !== before, `${victim} to come back`);
    writeFileSync(gate, '');
    const result = await run.result();
    expect(result.steps.map((step) => step.outputs.value)).toEqual([victim, 'after']);
    expect(readFileSync(started, 'utf8')).toBe('started\n');
  });
});
