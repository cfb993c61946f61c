import { describe, expect, it } from 'vitest';
import { inPools, poolOrder } from '../../../src/rules/placement.ts';
import { compileText, pipeline, problemsOf, stepOf } from './project.ts';

const training = (resources: string, trainer = 'command: [python3, train.py]'): string =>
  pipeline(`train:\n  kind: train\n  ${trainer}\n  objective: { metric: loss, direction: minimize }\n  resources: ${resources}`);
const LOCAL =
  'version: 1\nwarehouse: { kind: duckdb, path: .w }\nstorage: { kind: directory, path: .s }\ncompute: { kind: process, path: .j }\n';
const POOLS = 'pools:\n  - { name: small, spot: true, maxNodes: 2 }\n  - { name: large, spot: false, maxNodes: 8 }\n';
const withPools = (more = ''): Record<string, string> => ({ 'profiles/own.yaml': `${LOCAL}${POOLS}${more}` });

describe('nodes of a trial', () => {
  it('are in the document', async () => {
    const document = await compileText(training('{ nodes: 4, gpu: 8, cpu: 64, memory: 400Gi }'));
    expect(stepOf(document, 'train', 'search').spec.resources).toEqual({ nodes: 4, gpu: 8, cpu: 64, memoryMb: 409_600 });
  });

  it('change nothing where there is one, so that what was made before is found', async () => {
    const [with1, without] = await Promise.all([compileText(training('{ nodes: 1, cpu: 2 }')), compileText(training('{ cpu: 2 }'))]);
    const resourcesOf = (document: typeof with1): string => JSON.stringify(stepOf(document, 'train', 'search').spec.resources);
    expect(resourcesOf(with1)).toBe(resourcesOf(without));
  });

  it.each(['0', '-2', '1.5', 'many', '100000'])('are a number of machines, not %s', async (nodes) => {
    const [problem] = await problemsOf(training(`{ nodes: ${nodes} }`));
    expect(problem).toMatchObject({ path: 'steps.train.resources.nodes' });
  });

  it('are refused where a step is no training, with what to do', async () => {
    const script = pipeline('s:\n  kind: container\n  image: busybox\n  command: ["true"]\n  resources: { nodes: 2 }');
    expect(await problemsOf(script)).toEqual([
      expect.objectContaining({
        path: 'steps.s.resources.nodes',
        message: 'unknown field',
        hint: expect.stringContaining('of a search or train step') as string,
      }),
    ]);
  });

  it('are refused for the reference trainer, which knows one machine', async () => {
    const [problem] = await problemsOf(training('{ nodes: 2 }', 'features: "{storage}/f.json"'));
    expect(problem).toMatchObject({
      path: 'steps.train.resources.nodes',
      message: 'the reference trainer trains on one machine',
      found: '2',
    });
  });

  it('are no more than each pool allows that a trial may be placed in', async () => {
    const problems = await problemsOf(training('{ nodes: 4 }'), { profile: 'own' }, withPools());
    expect(problems).toEqual([
      expect.objectContaining({
        path: 'steps.train.resources.nodes',
        message: expect.stringContaining('pool small') as string,
        expected: 'at most 2',
        hint: expect.stringContaining('placement.order') as string,
      }),
    ]);
    const document = await compileText(training('{ nodes: 4 }'), { profile: 'own' }, withPools('placement: { order: [large] }\n'));
    expect(stepOf(document, 'train', 'search').spec.resources.nodes).toBe(4);
  });
});

describe('pools of a search', () => {
  const trainingIn = (pools: string): string => training('{ cpu: 2 }').replace('resources:', `pools: ${pools}\n    resources:`);

  it('are in the document, and the order of its trials', async () => {
    const document = await compileText(trainingIn('[large, small]'), { profile: 'own' }, withPools());
    const { pools } = stepOf(document, 'train', 'search').spec;
    expect(pools).toEqual(['large', 'small']);
    const { placement, pools: all } = inPools(document.profile, pools);
    expect(poolOrder(placement, all).map(({ name }) => name)).toEqual(['large', 'small']);
    expect(inPools(document.profile, undefined)).toBe(document.profile);
  });

  it('are those of the profile', async () => {
    expect(await problemsOf(trainingIn('[lrage]'), { profile: 'own' }, withPools())).toEqual([
      expect.objectContaining({ path: 'steps.train.pools[0]', message: 'there is no such pool', found: 'lrage' }),
    ]);
  });
});
