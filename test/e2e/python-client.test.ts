/** `import longhaul` in a notebook: a Python process of its own that starts, follows, reads and controls runs on the development stack. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clientPackages } from '../support/client-packages.ts';
import { projectOnSharedStack } from './shared-stack.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const TRAINER = `
import longhaul, time
with longhaul.trial() as trial:
    for epoch in trial.epochs():
        for batch in trial.batches(range(4)):
            if trial.parameters["lr"] > 1:
                time.sleep(0.2)  # lasts long enough to be controlled
            trial.step(samples=1)
        trial.validation({"score": trial.parameters["lr"] * (epoch + 1)}, model=lambda folder: (folder / "m.txt").write_text("m"))
`;
const PIPELINE = `version: 1
name: notebook
params: { lr: 0.5, epochs: 3 }
steps:
  search:
    kind: search
    code: train.py
    objective: { metric: score, direction: maximize }
    space: { lr: { type: float, low: 0.1, high: 2 } }
    sampler: { enqueue: [{ lr: "{params.lr}" }] }
    n_trials: 1
    epochs: "{params.epochs}"
`;

describe('the Python client', () => {
  let folder: string;
  let environment: NodeJS.ProcessEnv;

  beforeAll(async () => {
    folder = projectOnSharedStack('notebook');
    await writeFile(join(folder, 'pipeline.yaml'), PIPELINE);
    await writeFile(join(folder, 'train.py'), TRAINER);
    environment = {
      ...process.env,
      LONGHAUL_CLI: `'${process.execPath}' '${join(ROOT, 'src/cli/main.ts')}'`,
      PYTHONPATH: [join(ROOT, 'python'), await clientPackages()].join(delimiter),
    };
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  /** What the program's last line says, in JSON, and what it told a person. */
  async function python(program: string): Promise<{ readonly answer: unknown; readonly talk: string }> {
    const source = `import json, longhaul, time\n${program}`;
    const child = spawn(process.env.LONGHAUL_PYTHON ?? 'python3', ['-c', source], { cwd: folder, env: environment });
    const said = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => (said.stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (said.stderr += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number | null];
    if (code !== 0) throw new Error(`python ended with ${code ?? 'a signal'}: ${said.stderr}`);
    return { answer: JSON.parse(said.stdout.trim().split('\n').at(-1) ?? '') as unknown, talk: said.stderr };
  }

  it('starts a run, follows it to its end, and gives trials, curves and metrics as frames', async () => {
    const { answer, talk } = await python(`
run = longhaul.run("pipeline.yaml", profile="local", set={"params.lr": 0.25}, run_id="followed")
trials, curve = run.trials(), run.curves()
listed = longhaul.runs(pipeline="notebook")
print(json.dumps({
    "run": run.id, "status": run.result()["status"],
    "trials": trials[["trial", "status", "objective", "params.lr", "metrics.score"]].values.tolist(),
    "curve": curve.values.tolist(), "columns": list(curve.columns),
    "metrics": len(run.metrics()), "listed": listed["run"].tolist(), "dates": str(listed["startedAt"].dtype),
}))`);
    expect(answer).toEqual({
      run: 'followed',
      status: 'succeeded',
      trials: [[0, 'succeeded', 0.75, 0.25, 0.75]],
      curve: [
        ['search', 0, 4, 0.25],
        ['search', 0, 8, 0.5],
        ['search', 0, 12, 0.75],
      ],
      columns: ['step', 'trial', 'samples', 'score'],
      metrics: 0,
      listed: ['followed'],
      dates: expect.stringMatching(/^datetime64\[\w+, UTC\]$/) as unknown,
    });
    expect(talk).toMatch(/100% followed succeeded/);
  });

  it('controls a run that somebody else began, and says what the workflow refuses', async () => {
    const { answer } = await python(`
begun = longhaul.run("pipeline.yaml", set={"params.lr": 1.5, "params.epochs": 10000}, run_id="held", follow=False)
run = longhaul.attach("held")
while not any(each["id"] == "search" and each["status"] == "running" for each in run.state()["steps"]):
    time.sleep(0.1)
search = run.search()
def refused(call):
    try:
        return call()
    except longhaul.client.RefusedError as error:
        return f"refused: {error}"
while not any(trial["status"] == "running" for trial in search.state()["trials"]):
    time.sleep(0.1)
kept = search.keep_trial(0, by="ada", why="to see")
decided = [each for each in search.state()["decisions"] if "by ada (to see)" in each["text"]]
unknown = refused(lambda: search.stop_trial(99))
search.set_budget(hours=2, cost=9)
search.set_budget(hours="none")
budget = search.state()["settings"]["budget"]
paused = run.pause()
status = run.status
resumed = run.resume()
run.stop(by="ada")
print(json.dumps({
    "kept": kept, "budget": budget, "decided": len(decided), "unknown": unknown, "status": status, "ended": run.status,
    "again": refused(run.stop), "listed": longhaul.runs(pipeline="notebook", status="cancelled")["run"].tolist(),
}))`);
    expect(answer).toEqual({
      kept: expect.stringContaining('0') as unknown,
      budget: { cost: 9 },
      decided: 1,
      unknown: expect.stringMatching(/^refused: .*99/) as unknown,
      status: 'paused',
      ended: 'cancelled',
      again: 'refused: held has already ended: cancelled',
      listed: ['held'],
    });
  });

  it('says where a pipeline is wrong, that a run is not there, and that one has failed', async () => {
    await writeFile(join(folder, 'wrong.yaml'), PIPELINE.replace('objective:', 'objektive:'));
    const { answer } = await python(`
def error(call):
    try:
        call()
    except longhaul.client.LonghaulError as problem:
        return type(problem).__name__, str(problem)
print(json.dumps([
    error(lambda: longhaul.run("wrong.yaml")),
    error(lambda: longhaul.attach("nobody")),
    error(lambda: longhaul.attach("held").result()),
]))`);
    expect(answer).toEqual([
      ['InvalidInputError', expect.stringMatching(/wrong\.yaml.*objektive/s)],
      ['UnknownRunError', expect.stringContaining('nobody')],
      ['RunFailedError', expect.stringContaining('held: cancelled')],
    ]);
  });
});
