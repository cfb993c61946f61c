import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect, type Longhaul } from '../../src/client/index.ts';
import { projectOnSharedStack } from './shared-stack.ts';

const ROOT = resolve(import.meta.dirname, '../..');

const PIPELINE = `version: 1
name: tiny
params: { rows: 100 }
steps:
  numbers:
    kind: query
    sql: { inline: "SELECT n, n * 2 AS twice FROM UNNEST(GENERATE_ARRAY(1, @rows)) AS n" }
    with: { rows: "{params.rows}" }
  parts: { kind: export, table: "{steps.numbers.outputs.table}", orderBy: [n] }
  count:
    kind: script
    file: count.sh
    when: steps.parts.outputs.rows > 10
    inputs: { rows: "{steps.parts.outputs.rows}" }
    outputs: { answer: string }
onExit:
  tell: { kind: script, file: count.sh, when: run.status == 'succeeded', outputs: { answer: string } }
`;

/** One pipeline on real servers, started in each way that there is. */
describe('the ways in', () => {
  let folder: string;
  let longhaul: Longhaul;

  beforeAll(async () => {
    folder = projectOnSharedStack('ways');
    await writeFile(join(folder, 'pipeline.yaml'), PIPELINE);
    await writeFile(join(folder, 'count.sh'), 'echo \'{"answer": "done"}\' > "$LONGHAUL_OUTPUTS"\n');
    longhaul = await connect({ directory: folder });
  });
  afterAll(async () => {
    await longhaul.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function run(command: string, ...args: string[]): Promise<string> {
    const child = spawn(command, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
    child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
    const [code] = (await once(child, 'close')) as [number | null];
    if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code ?? 'a signal'}: ${stderr}`);
    return stdout;
  }
  const cli = (...args: string[]): Promise<string> => run(process.execPath, join(ROOT, 'src/cli/main.ts'), ...args);
  const statuses = async (id: string): Promise<Record<string, string>> =>
    Object.fromEntries((await longhaul.run(id).result()).steps.map((step) => [step.id, step.status]));

  const ALL = { numbers: 'succeeded', parts: 'succeeded', count: 'succeeded', tell: 'succeeded' };
  const CACHED = { numbers: 'cached', parts: 'cached', count: 'cached', tell: 'cached' };

  it('longhaul run', async () => {
    await cli('run', 'pipeline.yaml', '--run-id', 'by-cli');
    expect(await statuses('by-cli')).toEqual(ALL);
  });

  it('temporal workflow start with what longhaul compile prints', async () => {
    await writeFile(join(folder, 'run.json'), await cli('compile', 'pipeline.yaml'));
    const start = [
      '--type',
      'trainingPipeline',
      '--task-queue',
      'longhaul-control',
      '--workflow-id',
      'by-hand',
      '--input-file',
      'run.json',
    ];
    await run(process.env.LONGHAUL_TEMPORAL ?? 'temporal', 'workflow', 'start', '--address', longhaul.target.address, ...start);
    expect(await statuses('by-hand')).toEqual(CACHED);
  });

  it('the typed client of examples/client.ts', async () => {
    const printed = JSON.parse(await run(process.execPath, join(ROOT, 'examples/client.ts'))) as { run: string; status: string };
    expect(printed.status).toBe('succeeded');
    expect(await statuses(printed.run)).toEqual(CACHED);
  });

  it('longhaul plan tells what is cached, and longhaul diff what differed', async () => {
    const plan = async (...set: string[]): Promise<string[]> => {
      const { steps } = JSON.parse(await cli('plan', 'pipeline.yaml', '-o', 'json', ...set)) as { steps: { step: string; what: string }[] };
      return steps.map(({ step, what }) => `${step} ${what}`);
    };
    expect(await plan()).toEqual(['numbers cached', 'parts cached', 'count cached']);
    expect(await plan('--set', 'params.rows=120')).toEqual(['numbers run', 'parts depends', 'count depends']);
    await cli('run', 'pipeline.yaml', '--run-id', 'larger', '--set', 'params.rows=120');
    const differences = JSON.parse(await cli('diff', 'by-cli', 'larger', '-o', 'json')) as {
      path: string;
      before: unknown;
      after: unknown;
    }[];
    expect(differences).toEqual([
      { path: 'params.rows', before: 100, after: 120 },
      { path: 'steps.numbers.spec.parameters.rows.value', before: 100, after: 120 },
    ]);
  });
});
