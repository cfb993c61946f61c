import { describe, expect, it } from 'vitest';
import { codeUri, shippedBy } from '../../../src/contract/code.ts';
import { pipeline, project, stepOf } from './project.ts';

const search = (sampler: string, more = ''): string =>
  pipeline(`search:
  kind: search
  command: [python, -c, pass]
  objective: { metric: loss, direction: minimize }
  n_trials: 4
  space: { rate: { type: float, low: 0.001, high: 0.1 } }
  sampler: ${sampler}
${more}`);

const FILES = {
  'tried/mine.py': 'class Mine:\n    pass\n',
  'tried/deep/__init__.py': 'from .inner import *\n',
  'req.txt': 'numpy==2.4.6\n',
};

describe('a sampler of one’s own', () => {
  it('is in the document with its code, which is shipped', async () => {
    await using made = await project({
      'pipeline.yaml': search('{ class: mine:Mine, code: tried, requirements: req.txt, options: { wide: 2 }, seed: 5 }'),
      ...FILES,
    });
    const document = await made.compile();
    const { sampler } = stepOf(document, 'search', 'search').spec;
    expect(sampler).toMatchObject({ class: 'mine:Mine', options: { wide: 2 }, seed: 5, code: { from: 'tried', files: 2 } });
    const wanted = shippedBy(document.steps).map(({ from }) => from);
    expect(wanted).toEqual(['tried', 'req.txt']);
    expect(codeUri('gs://b', sampler.code!)).toMatch(/^gs:\/\/b\/code\/[0-9a-f]{64}$/);
  });

  it('is another search where its code is other code', async () => {
    const digestOf = async (text: string): Promise<string | undefined> => {
      await using made = await project({ 'pipeline.yaml': search('{ class: mine:Mine, code: tried }'), 'tried/mine.py': text });
      return stepOf(await made.compile(), 'search', 'search').spec.sampler.code?.sha256;
    };
    expect(await digestOf('class Mine: 1\n')).not.toBe(await digestOf('class Mine: 2\n'));
    expect(await digestOf('class Mine: 1\n')).toBe(await digestOf('class Mine: 1\n'));
  });

  it('is looked for in the code of the search where it names none', async () => {
    await using made = await project({
      'pipeline.yaml': search('{ class: mine:Mine }', '  code: tried\n  requirements: req.txt\n'),
      ...FILES,
    });
    const spec = stepOf(await made.compile(), 'search', 'search').spec;
    expect([spec.sampler.code, spec.sampler.requirements]).toEqual([spec.code, spec.requirements]);
  });

  it('may be one of Optuna, or of a package that another one brings', async () => {
    for (const sampler of [
      '{ class: optuna.samplers:NSGAIISampler }',
      '{ class: other:Any, code: tried, requirements: req.txt }',
      '{ class: deep:Hidden, code: tried }',
    ]) {
      await using made = await project({ 'pipeline.yaml': search(sampler), ...FILES });
      expect(stepOf(await made.compile(), 'search', 'search').spec.sampler.class).toBeTruthy();
    }
  });

  it.each([
    ['{ class: mine, code: tried }', { path: 'steps.search.sampler.class' }],
    ['{ class: nime:Mine, code: tried }', { path: 'steps.search.sampler.class', message: 'there is no module nime in the code' }],
    ['{ class: mine:Nime, code: tried }', { path: 'steps.search.sampler.class', message: 'there is no Nime in mine' }],
    ['{ class: mine:Mine, code: nowhere }', { path: 'steps.search.sampler.code', message: 'no such folder or file' }],
    ['{ class: mine:Mine, code: tried, kind: tpe }', { path: 'steps.search.sampler.kind' }],
    ['{ class: mine:Mine, code: tried, startupTrials: 3 }', { path: 'steps.search.sampler.startupTrials' }],
    ['{ kind: tpe, options: { seed: 3 } }', { path: 'steps.search.sampler.options', expected: '`class` beside it' }],
    ['{ class: optuna.samplers:TPESampler, requirements: req.txt }', { path: 'steps.search.sampler.requirements' }],
    ['{ class: mine:Mine, code: tried, requirements: [numpy] }', { message: 'the requirement is not pinned' }],
  ])('refuses %s', async (sampler, says) => {
    await using made = await project({ 'pipeline.yaml': search(sampler), ...FILES });
    expect(await made.problems()).toMatchObject([says]);
  });
});
