import { describe, expect, it } from 'vitest';
import { compileText, pipeline, problemsOf, stepOf } from './project.ts';

const step = (secrets: string, more = ''): string =>
  pipeline(`work:\n  kind: container\n  image: busybox\n  command: ["true"]\n  secrets: ${secrets}${more}`);
const KUBERNETES = {
  'profiles/own.yaml':
    'version: 1\nwarehouse: { kind: bigquery, project: p }\nstorage: { kind: gcs, bucket: b }\ncompute: { kind: kubernetes, image: trainer:1 }\n',
};

describe('secrets of a step', () => {
  it('are references in the document', async () => {
    const document = await compileText(step('[{ name: HF_TOKEN, from: "env:MY_TOKEN" }]'));
    expect(stepOf(document, 'work', 'container').spec.secrets).toEqual([{ name: 'HF_TOKEN', from: 'env:MY_TOKEN' }]);
    const pods = await compileText(step('[{ name: HF_TOKEN, from: "kubernetes:hf/token" }]'), { profile: 'own' }, KUBERNETES);
    expect(stepOf(pods, 'work', 'container').spec.secrets).toEqual([{ name: 'HF_TOKEN', from: 'kubernetes:hf/token' }]);
  });

  it.each([
    ['[{ name: HF_TOKEN, from: hf_abc }]', 'steps.work.secrets[0].from'],
    ['[{ name: HF_TOKEN, from: "kubernetes:hf" }]', 'steps.work.secrets[0].from'],
    ['[{ name: HF_TOKEN, from: "kubernetes:hf/a/b" }]', 'steps.work.secrets[0].from'],
    ['[{ name: HF_TOKEN, from: "file:/etc/x" }]', 'steps.work.secrets[0].from'],
    ['[{ name: LONGHAUL_TRIAL, from: "env:X" }]', 'steps.work.secrets[0].name'],
    ['[{ name: "A B", from: "env:X" }]', 'steps.work.secrets[0].name'],
    ['[{ name: A, from: "env:X" }, { name: A, from: "env:Y" }]', 'steps.work.secrets'],
    ['[]', 'steps.work.secrets'],
    ['{ HF_TOKEN: hf_abc }', 'steps.work.secrets'],
  ])('%s are refused with their place', async (secrets, path) => {
    expect((await problemsOf(step(secrets))).map((problem) => problem.path)).toContain(path);
  });

  it('are refused where the Jobs of the profile could not have them', async () => {
    const [problem] = await problemsOf(step('[{ name: HF_TOKEN, from: "kubernetes:hf/token" }]'));
    expect(problem).toMatchObject({
      path: 'steps.work.secrets[0].from',
      expected: 'env:NAME, a variable of the worker: Jobs are processes here',
      found: 'kubernetes:hf/token',
    });
  });

  it('are refused where `env` says the same variable', async () => {
    const [problem] = await problemsOf(step('[{ name: A, from: "env:X" }]', '\n  env: { A: plain }'));
    expect(problem).toMatchObject({ path: 'steps.work.secrets[0].name', found: 'A' });
  });
});
