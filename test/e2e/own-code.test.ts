/** A trainer of one's own, shipped with the run: by `code:`, on the development stack. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../support/run-cli.ts';
import { projectOnSharedStack } from './shared-stack.ts';

const trainer = (score: string): string => `
import longhaul
from net import gain
with longhaul.trial() as trial:
    kept = trial.keep(kept={"n": 0.0})
    for epoch in trial.epochs():
        for batch in trial.batches(range(5)):
            kept["n"] += gain(trial.parameters["lr"])
            trial.step()
        trial.validation({"score": ${score}}, model=lambda folder: (folder / "n.txt").write_text(str(kept["n"])))
`;
const PIPELINE = `
version: 1
name: own-code
steps:
  search:
    kind: search
    code: ./trainer
    command: [python, train.py]
    objective: { metric: score, direction: maximize }
    space: { lr: { type: float, low: 0.1, high: 1 } }
    n_trials: 2
    parallel: 2
  tell:
    kind: container
    code: tell.py
    after: search
    outputs: { told: string }
`;
const TELL = `
import json, os, pathlib
path = pathlib.Path(os.environ["LONGHAUL_OUTPUTS"])
path.parent.mkdir(parents=True, exist_ok=True)
path.write_text(json.dumps({"told": sorted(os.listdir())[0]}))
`;

/** The more of the history, the better. */
const WEEKS = `
version: 1
name: weeks
params: { weeks: 1 }
steps:
  sessions: { kind: query, sql: { inline: "SELECT week FROM UNNEST(GENERATE_ARRAY(1, @weeks)) AS week" }, with: { weeks: "{params.weeks}" } }
  parts: { kind: export, table: "{steps.sessions.outputs.table}" }
  search:
    kind: search
    code: rows.py
    command: [python, rows.py]
    data: { train: "{steps.parts.outputs.uri}" }
    objective: { metric: score, direction: maximize }
    space: { weeks: { type: param, choices: [2, 3] } }
    n_trials: 2
    parallel: 2
  tell: { kind: container, code: tell.py, after: search, inputs: { of: "{steps.parts.outputs.rows}" }, outputs: { told: string } }
`;
const ROWS = `
import json, os, urllib.parse, urllib.request
import longhaul
place = urllib.parse.urlparse(json.load(urllib.request.urlopen(os.environ["LONGHAUL_TRIAL"]))["data"]["train"]).path
rows = json.load(open(place + "/manifest.json"))["rows"]
with longhaul.trial() as trial:
    assert "weeks" not in trial.parameters
    for epoch in trial.epochs():
        for batch in trial.batches(range(2)):
            trial.step()
        trial.validation({"score": float(rows)})
`;

interface Printed {
  readonly run: string;
  readonly status: string;
  readonly steps: readonly {
    readonly id: string;
    readonly status: string;
    readonly cacheKey: string;
    readonly outputs: Record<string, unknown>;
  }[];
  readonly trials: readonly { readonly objective: number; readonly output: string; readonly attempts: number }[];
}

describe('code of one’s own', () => {
  const folder = projectOnSharedStack('own-code');
  const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);
  let first: Printed;

  beforeAll(() => {
    mkdirSync(join(folder, 'trainer'));
    write('pipeline.yaml', PIPELINE);
    write('tell.py', TELL);
    write('trainer/net.py', 'def gain(lr):\n    return 2 * lr\n');
    write('trainer/train.py', trainer('kept["n"]'));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  const run = async (): Promise<Printed> => {
    const { code, stdout, stderr } = await runCli(['run', 'pipeline.yaml', '--output', 'json'], { cwd: folder });
    expect(code, stderr).toBe(0);
    return JSON.parse(stdout) as Printed;
  };
  const stepOf = ({ steps }: Printed, id: string): Printed['steps'][number] => steps.find((step) => step.id === id)!;

  it('trains where it was never installed, and container steps run it too', async () => {
    first = await run();
    expect(first.trials).toHaveLength(2);
    for (const { objective, attempts } of first.trials) expect([objective > 0, attempts]).toEqual([true, 1]);
    expect(stepOf(first, 'tell')).toMatchObject({ status: 'succeeded', outputs: { told: 'tell.py' } });
  });

  it('is taken from the cache while nothing of it has changed', async () => {
    const again = await run();
    expect(again.steps.map(({ status }) => status)).toEqual(['cached', 'cached']);
  });

  it('trains again when a file of it was edited, and only what it is part of', async () => {
    write('trainer/net.py', 'def gain(lr):\n    return 100 * lr\n');
    const asked = await runCli(['plan', 'pipeline.yaml'], { cwd: folder });
    expect(asked.stdout).toContain('code of search: trainer, ');
    expect(asked.stdout).toContain(': net.py, train.py');
    expect(asked.stdout).toMatch(/changed since own-code-\S+: net\.py of search changed$/m);
    const edited = await run();
    const { stdout } = await runCli(['diff', first.run, edited.run], { cwd: folder });
    expect(stdout).toContain(
      'code of search: net.py (changed)\n  @@ -1,2 +1,2 @@\n   def gain(lr):\n  -    return 2 * lr\n  +    return 100 * lr',
    );
    expect(stepOf(edited, 'search').status).toBe('succeeded');
    expect(stepOf(edited, 'search').cacheKey).not.toBe(stepOf(first, 'search').cacheKey);
    expect(Math.max(...edited.trials.map(({ objective }) => objective))).toBeGreaterThan(10);
    expect(stepOf(edited, 'tell').status).toBe('cached');
    write('trainer/net.py', 'def gain(lr):\n    return 2 * lr\n');
    expect(stepOf(await run(), 'search')).toMatchObject({ status: 'cached', cacheKey: stepOf(first, 'search').cacheKey });
  });

  it('trains each trial on the data that its search chose, and makes each of them once', async () => {
    write('weeks.yaml', WEEKS);
    write('rows.py', ROWS);
    const planned = await runCli(['plan', 'weeks.yaml'], { cwd: folder });
    expect(planned.stdout).toContain('parts is made 2 times, with weeks 2; weeks 3');
    const { code, stdout, stderr } = await runCli(['run', 'weeks.yaml', '--output', 'json'], { cwd: folder });
    expect(code, stderr).toBe(0);
    const chosen = JSON.parse(stdout) as Printed;
    expect(chosen.trials.map(({ objective }) => objective).sort()).toEqual([2, 3]);
    expect(stepOf(chosen, 'search').outputs).toMatchObject({ best_parameters: {}, params_weeks: 3 });
    // As it is for the best trial, it is there already.
    expect(stepOf(chosen, 'parts')).toMatchObject({ status: 'cached', outputs: { rows: 3 } });
    const one = await runCli(['plan', 'weeks.yaml', '--set', 'steps.search.n_trials=1', '--output', 'json'], { cwd: folder });
    const { steps } = JSON.parse(one.stdout) as { steps: { step: string; what: string }[] };
    expect(steps.map(({ step, what }) => `${step} ${what}`)).toEqual(
      expect.arrayContaining(['sessions.weeks-2 cached', 'parts.weeks-3 cached', 'search run', 'parts depends']),
    );
  });

  it('trains once without a pipeline file, and goes on with the same file of it', async () => {
    const args = ['train', 'trainer/train.py', '--set', 'lr=0.5', '--epochs', '2', '--output', 'json'];
    const { code, stdout, stderr } = await runCli(args, { cwd: folder });
    expect(code, stderr).toBe(0);
    const { status, trials } = JSON.parse(stdout) as Printed;
    expect([status, trials.map(({ objective }) => objective)]).toEqual(['succeeded', [10]]);
    const again = await runCli(['run', '.longhaul/train/train.yaml', '--output', 'json'], { cwd: folder });
    expect((JSON.parse(again.stdout) as Printed).steps.map((step) => step.status)).toEqual(['cached']);
  });

  it('hands out checkpoints, which a training has committed', async () => {
    const { stdout } = await runCli(['checkpoints', 'list', '--trial', '0', '--output', 'json'], { cwd: folder });
    const kept = JSON.parse(stdout) as { checkpoint: string; trained: number; bytes: number }[];
    expect(kept[0]).toMatchObject({ trained: 10, reason: 'end' });
    const got = await runCli(['checkpoints', 'download', '--trial', '0', '--to', 'got', '--output', 'json'], { cwd: folder });
    expect(JSON.parse(got.stdout)).toMatchObject({ checkpoint: kept[0]!.checkpoint, folder: 'got', bytes: kept[0]!.bytes });
    expect(readdirSync(join(folder, 'got')).length).toBeGreaterThan(0);
    const wrong = await runCli(['checkpoints', 'download', '--trial', '0', '--checkpoint', 'x'], { cwd: folder });
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining(kept[0]!.checkpoint)]);
    const none = await runCli(['exec', '--trial', '0'], { cwd: folder });
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('runs now as trial 0')]);
  });

  it('is refused, before anything runs, when the store does not have it', async () => {
    const { stdout } = await runCli(['compile', 'pipeline.yaml'], { cwd: folder });
    const document = JSON.parse(stdout) as { profile: { storage: { path: string } }; steps: { spec: { code: { sha256: string } } }[] };
    const archive = join(document.profile.storage.path, 'code', document.steps[0]!.spec.code.sha256);
    const kept = readFileSync(archive);
    rmSync(archive);
    write('run.json', stdout);
    const { code, stderr } = await runCli(['run', 'run.json'], { cwd: folder });
    expect([code, stderr]).toEqual([2, expect.stringContaining('steps.search.code: the code (trainer) is not in the store')]);
    writeFileSync(archive, kept);
  });
});
