import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startStack, type Stack } from '../../src/stack/stack.ts';
import { connect, type Longhaul } from '../../src/client/index.ts';
import { searchWorkflowId, trialWorkflowId } from '../../src/contract/ids.ts';
import { tinyProfile, tinySearch } from '../support/tiny-search.ts';
import { documentOf } from '../workflow/documents.ts';
import { until } from '../workflow/environment.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const DEPLOYMENT = 'longhaul';

/** Its first attempt fails when a file appears, the next one ends when another does. */
const FAILS_ONCE = `
import json, os, pathlib, sys, time
folder, output = pathlib.Path(sys.argv[1]), pathlib.Path(os.environ["LONGHAUL_OUTPUT"].removeprefix("file://"))
attempt = os.environ["LONGHAUL_ATTEMPT"]
(folder / f"attempt-{attempt}").touch()
while not (folder / ("fail" if attempt == "1" else "succeed")).exists():
    time.sleep(0.1)
if attempt == "1":
    sys.exit(1)
result = {"metrics": {"score": 1.0}, "objective": 1.0, "bestStep": 1, "steps": 1, "samples": 1, "epochs": 1, "bestExport": None, "weightsSha256": "0"}
(output / "result.json").write_text(json.dumps(result))
`;

describe('a rolling change to new workers', () => {
  const folder = mkdtempSync(join(tmpdir(), 'longhaul-upgrade-'));
  const root = `file://${folder}/store`;
  const buildBefore = process.env.LONGHAUL_BUILD_ID;
  let stack: Stack;
  let longhaul: Longhaul;
  let next: ChildProcess | undefined;

  beforeAll(async () => {
    // The stack's workers take the environment of this process.
    process.env.LONGHAUL_BUILD_ID = 'old';
    stack = await startStack({ directory: folder });
    await stack.ready;
    longhaul = await connect({ directory: folder });
    await makeCurrent('old');
  });
  afterAll(async () => {
    if (buildBefore === undefined) delete process.env.LONGHAUL_BUILD_ID;
    else process.env.LONGHAUL_BUILD_ID = buildBefore;
    next?.kill('SIGTERM');
    await longhaul.close();
    await stack.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** The command of docs/upgrade.md; a version is known a moment after its first worker polls. */
  async function makeCurrent(build: string): Promise<void> {
    const temporal = process.env.LONGHAUL_TEMPORAL;
    if (temporal === undefined) throw new Error('LONGHAUL_TEMPORAL names no temporal CLI; `npm test` sets it');
    const command = ['worker', 'deployment', 'set-current-version', '--deployment-name', DEPLOYMENT, '--build-id', build];
    const run = promisify(execFile);
    await until(
      () =>
        run(temporal, [...command, '--yes', '--address', stack.address]).then(
          () => true,
          () => false,
        ),
      `version ${build} to become current`,
    );
  }

  /** A copy of the sources whose pipeline workflow was changed as docs/upgrade.md asks for: behind a patch. */
  async function startNextBuild(): Promise<ChildProcess> {
    const copy = join(folder, 'next');
    for (const name of ['bin', 'src', 'workflows', 'activities', 'workers', 'python/longhaul_script', 'package.json'])
      cpSync(join(ROOT, name), join(copy, name), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
    const file = join(copy, 'workflows', 'pipeline', 'work.ts');
    const source = readFileSync(file, 'utf8');
    const begins = /^(export async function workWithRetries\(.*\{)$/m;
    if (!begins.test(source)) throw new Error(`${file}: there is no ${begins.source} to change`);
    const imports = "import { patched as patchedNext, sleep as sleepNext } from '@temporalio/workflow';";
    writeFileSync(file, `${imports}\n${source.replace(begins, "$1\n  if (patchedNext('next-version')) await sleepNext(1);")}`);
    const worker = spawn(process.execPath, [join(copy, 'workers', 'control.ts')], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, TEMPORAL_ADDRESS: stack.address, TEMPORAL_NAMESPACE: stack.namespace, LONGHAUL_BUILD_ID: 'new' },
    });
    for await (const line of createInterface({ input: worker.stdout })) if (line.includes('"ready":true')) return worker;
    throw new Error('the worker of the next build ended before it was ready');
  }

  const buildOf = async (workflowId: string): Promise<string | undefined> => {
    const { raw } = await longhaul.client.workflow.getHandle(workflowId).describe();
    return raw.workflowExecutionInfo?.versioningInfo?.deploymentVersion?.buildId ?? undefined;
  };

  it('leaves trials on the old build and moves their pipeline and search to the new one', async () => {
    const run = await longhaul.start(
      documentOf(
        [
          tinySearch(folder, { untilFile: 'finish' }),
          {
            id: 'after',
            dependsOn: ['search'],
            spec: { kind: 'script', language: 'shell', file: 'after.sh', source: 'true', output: `${root}/after/{key}` },
          },
        ],
        {
          profile: tinyProfile(folder),
        },
      ),
    );
    await until(async () => existsSync(join(folder, 'began')), 'the trial to begin');
    const trial = trialWorkflowId(run.id, 'search', 0);
    expect(await buildOf(trial)).toBe('old');

    next = await startNextBuild();
    await makeCurrent('new');
    // Task queues hear of the new version a moment later; until then the next task may still go to the old one.
    const search = searchWorkflowId(run.id, 'search');
    await until(async () => {
      await run.search('search').setParallelism({ parallel: 1 });
      return (await buildOf(search)) === 'new';
    }, 'the search to run on the new build');
    writeFileSync(join(folder, 'finish'), '');

    const result = await run.result();
    expect(result.status).toBe('succeeded');
    expect(await buildOf(trial)).toBe('old');
    expect(await buildOf(run.id)).toBe('new');
    expect(await buildOf(search)).toBe('new');
    // The step that began before the change was replayed by the new build without it; the one after it has it.
    const history = await longhaul.client.workflow.getHandle(run.id).fetchHistory();
    const patches = history.events?.flatMap(
      ({ markerRecordedEventAttributes: marker }) =>
      marker?.markerName === 'core_patch' ? [JSON.stringify(Object.values(marker.details ?? {}).map(({ payloads }) => payloads?.map(({ data }) => Buffer.from(data ?? []).toString())))] : [], // prettier-ignore
    );
    expect(patches?.filter((patch) => patch.includes('next-version'))).toHaveLength(1);
  });

  it('takes a trial to the new build between two attempts', async () => {
    await makeCurrent('old');
    const search = tinySearch(folder);
    const run = await longhaul.start(
      documentOf([{ ...search, spec: { ...search.spec, command: ['python', '-c', FAILS_ONCE, folder] } as typeof search.spec }], {
        profile: tinyProfile(folder),
      }),
    );
    await until(async () => existsSync(join(folder, 'attempt-1')), 'the first attempt');
    const trial = trialWorkflowId(run.id, 'search', 0);
    expect(await buildOf(trial)).toBe('old');
    await makeCurrent('new');
    await until(async () => {
      await run.search('search').setParallelism({ parallel: 1 });
      return (await buildOf(searchWorkflowId(run.id, 'search'))) === 'new';
    }, 'the search to run on the new build');
    expect(await buildOf(trial)).toBe('old');
    writeFileSync(join(folder, 'fail'), '');
    await until(async () => existsSync(join(folder, 'attempt-2')), 'the second attempt');
    expect(await buildOf(trial)).toBe('new');
    writeFileSync(join(folder, 'succeed'), '');
    expect(await run.result()).toMatchObject({ status: 'succeeded' });
    expect(await longhaul.client.workflow.getHandle(trial).result()).toMatchObject({ carried: { attempts: 2 } });
  });
});
