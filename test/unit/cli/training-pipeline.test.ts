import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import { describe, expect, it } from 'vitest';
import { trainingPipeline, type TrainOptions } from '../../../src/cli/training-pipeline.ts';
import type { SearchSpec } from '../../../src/contract/steps.ts';
import { project, type Project } from '../compile/project.ts';

const FOLDER = '.longhaul/train';
const SCRIPT = 'import longhaul\nwith longhaul.trial() as trial:\n    trial.validation({"auc": 0.5, "loss": 1})\n';

async function made(files: Readonly<Record<string, string>>, script: string, options: Partial<TrainOptions> = {}) {
  const folder = await project({});
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder.folder, name)), { recursive: true });
    await writeFile(join(folder.folder, name), text);
  }
  const built = await trainingPipeline(script, { data: [], parameters: {}, ...options }, folder.folder, join(folder.folder, FOLDER));
  return { ...built, folder, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

async function specOf({ folder, pipeline }: { readonly folder: Project; readonly pipeline: object }): Promise<SearchSpec> {
  await mkdir(join(folder.folder, FOLDER), { recursive: true });
  await writeFile(join(folder.folder, FOLDER, 'p.yaml'), stringify(pipeline));
  const document = await folder.compile({}, `${FOLDER}/p.yaml`);
  return document.steps[0]?.spec as SearchSpec;
}

describe('a training without a pipeline file', () => {
  it('is a search of one trial, with the parameters given', async () => {
    await using one = await made({ 'My Train.py': SCRIPT }, 'My Train.py', {
      parameters: { lr: 0.1, units: [64, 32] },
      epochs: 3,
      seed: 7,
    });
    expect(one.pipeline['name']).toBe('my-train');
    expect(await specOf(one)).toMatchObject({
      kind: 'search',
      code: { files: 1, from: 'My Train.py' },
      command: ['python', 'My Train.py'],
      objective: { metric: 'auc', goal: 'maximize' },
      fixed: { lr: 0.1, units: [64, 32] },
      space: {},
      trials: 1,
      epochs: 3,
      seed: 7,
    });
  });

  it.each([
    ['import net', 2],
    ['from net.deep import x', 2],
    ['import os, net as n', 2],
    ['import numpy', 1],
  ])('ships the folder of the script where it imports from there: %s', async (line, files) => {
    await using one = await made({ 'src/train.py': `${line}\n${SCRIPT}`, 'src/net.py': '' }, 'src/train.py');
    expect(await specOf(one)).toMatchObject({ code: { files }, command: ['python', 'train.py'] });
  });

  it('ships the folder that is named, and runs the script in it', async () => {
    await using one = await made({ 'src/a/train.py': SCRIPT, 'src/b.py': '' }, 'src/a/train.py', { code: 'src' });
    expect(await specOf(one)).toMatchObject({ code: { files: 2, from: 'src' }, command: ['python', 'a/train.py'] });
  });

  it('puts folders of data into the store by their content, and takes URIs as they are', async () => {
    const files = {
      'train.py': SCRIPT,
      'parts/train/a.parquet': 'A',
      'parts/train/.x': '',
      'parts/test/sub/b.parquet': 'B',
      'more/c.parquet': 'C',
    };
    await using one = await made(files, 'train.py', { data: ['parts', 'extra=more', 'far=gs://bucket/p/'] });
    const { data } = one.pipeline['steps'] ? (one.pipeline['steps'] as { train: { data: Record<string, string> } }).train : { data: {} };
    expect(Object.keys(data).sort()).toEqual(['extra', 'far', 'test', 'train']);
    expect(data['far']).toBe('gs://bucket/p');
    expect(one.uploads.map(({ digest, files: found }) => [data['train']?.endsWith(digest), found.map(({ name }) => name)])).toContainEqual([
      true,
      ['a.parquet'],
    ]);
    await using same = await made({ ...files, 'parts/train/a.parquet': 'A2' }, 'train.py', { data: ['parts', 'extra=more'] });
    const digests = (uploads: typeof one.uploads): string[] => uploads.map(({ digest }) => digest);
    expect(digests(same.uploads).filter((digest) => digests(one.uploads).includes(digest))).toHaveLength(2);
  });

  it.each([
    ['loss', 'minimize'],
    ['validation_average_rank', 'minimize'],
    ['accuracy', 'maximize'],
    ['my_score', 'maximize'],
  ])('tells by the name which way %s is better', async (metric, direction) => {
    await using one = await made({ 'train.py': SCRIPT }, 'train.py', { metric });
    expect(one.pipeline).toMatchObject({ steps: { train: { objective: { metric, direction } } } });
  });

  it('refuses what it cannot know', async () => {
    await expect(made({}, 'nowhere.py')).rejects.toThrow(/nowhere\.py: no such file/);
    await expect(made({ 'a.py': 'trial.validation(metrics)' }, 'a.py')).rejects.toThrow(/--metric/);
    await expect(made({ 'a.py': SCRIPT }, 'a.py', { data: ['nowhere'] })).rejects.toThrow(/nowhere does not exist/);
    await expect(made({ 'a.py': SCRIPT, 'src/b.py': '' }, 'a.py', { code: 'src' })).rejects.toThrow(/not in that folder/);
  });
});
