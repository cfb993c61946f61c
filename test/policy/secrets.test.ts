/** A run whose programs print their secret in each way, and fail with it: whatever is kept of the run does not have it. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connect } from '../../src/client/index.ts';
import { startStack, type Stack } from '../../src/stack/stack.ts';
import { runCli } from '../support/run-cli.ts';

const VARIABLE = 'TEST_OF_SECRETS_TOKEN';
const SECRET = 'hf_Zq83vXk1MnB7';
/** Printed beside it: what is searched can be found. */
const CANARY = 'canary-4711';

const PIPELINE = `version: 1
name: tells
steps:
  works:
    kind: script
    file: works.sh
    secrets: [{ name: HF_TOKEN, from: "env:${VARIABLE}" }]
    outputs: { length: int }
  fails:
    kind: container
    code: code
    command: [python, fails.py]
    secrets: [{ name: HF_TOKEN, from: "env:${VARIABLE}" }]
    retry: { attempts: 1 }
`;
const WORKS = `echo "out $HF_TOKEN ${CANARY}"; echo "err $HF_TOKEN" >&2; printf 'half %s' "$(printf %s "$HF_TOKEN" | cut -c1-6)"
printf '%s\\n' "$(printf %s "$HF_TOKEN" | cut -c7-)"; echo "{\\"length\\": \${#HF_TOKEN}}" > "$LONGHAUL_OUTPUTS"\n`;
const FAILS = `import os\nprint("${CANARY}", flush=True)\nraise RuntimeError("no entry for " + os.environ["HF_TOKEN"])\n`;

let folder: string;
let stack: Stack;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longhaul-secrets-'));
  await writeFile(join(folder, 'pipeline.yaml'), PIPELINE);
  await writeFile(join(folder, 'works.sh'), WORKS);
  await mkdir(join(folder, 'code'));
  await writeFile(join(folder, 'code', 'fails.py'), FAILS);
  process.env[VARIABLE] = SECRET;
  stack = await startStack({ directory: folder });
  await stack.ready;
});
afterAll(async () => {
  delete process.env[VARIABLE];
  await stack.stop();
  await rm(folder, { recursive: true, force: true });
});

it('has it in its programs, and in no document, history, ledger, log or report', async () => {
  const cli = (...args: string[]) => runCli(args, { cwd: folder, env: { [VARIABLE]: '' } });
  const ran = await cli('run', 'pipeline.yaml', '--run-id', 'tells');
  expect(ran.code, ran.stderr).toBe(1);
  await using longhaul = await connect({ directory: folder });
  const works = (await longhaul.run('tells').state()).steps.find(({ id }) => id === 'works');
  expect(works).toMatchObject({ status: 'succeeded', outputs: { length: SECRET.length } });
  const told = await Promise.all([
    cli('status', 'tells', '-o', 'json'),
    cli('logs', 'tells', '--step', 'works'),
    cli('logs', 'tells', '--step', 'fails'),
    cli('report', 'tells', '--format', 'json'),
    cli('report', 'tells', '--format', 'md'),
    cli('report', 'tells'),
  ]);
  const shown = [ran, ...told].map(({ stdout, stderr }) => `${stdout}${stderr}`).join('\n');
  expect(shown).toContain(CANARY);
  expect(shown).toContain('no entry for ***');
  expect(shown).not.toContain(SECRET);
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((file) => file.isFile());
  const found = { secret: [] as string[], canary: [] as string[] };
  for (const { parentPath, name } of files) {
    const data = await readFile(join(parentPath, name));
    if (data.includes(SECRET)) found.secret.push(join(parentPath, name));
    if (data.includes(CANARY)) found.canary.push(name);
  }
  expect(found.secret).toEqual([]);
  // The server's database, which has the histories, a log beside its Job, and the kept ones.
  expect(found.canary.some((name) => name.includes('.db'))).toBe(true);
  expect(found.canary.filter((name) => name === 'log' || name.endsWith('.log')).length).toBeGreaterThan(1);
});
