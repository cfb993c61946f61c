import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { RefusedError } from '../../client/errors.ts';
import { cliOf, examples } from '../context.ts';

const TEMPLATE = fileURLToPath(new URL('../template', import.meta.url));
const SCHEMAS = fileURLToPath(new URL('../../contract/schemas', import.meta.url));
const SCHEMA_FILES = ['pipeline.schema.json', 'component.schema.json', 'profile.schema.json'];

export function registerInit(program: Command): void {
  program
    .command('init')
    .description('write a small commented pipeline to start from')
    .argument('[directory]', 'where', '.')
    .addHelpText('after', examples('longhaul init', 'longhaul init my-pipeline && cd my-pipeline && longhaul run pipeline.yaml'))
    .action(async (directory: string, _options: object, command: Command) => {
      const cli = cliOf(command);
      const target = resolve(directory);
      const files = await templateFiles();
      const taken = Object.keys(files).filter((file) => existsSync(join(target, file)));
      if (taken.length > 0)
        throw new RefusedError(`${join(directory, taken[0] ?? '')} is already there; \`longhaul init\` overwrites nothing`);
      for (const [file, text] of Object.entries(files)) {
        await mkdir(dirname(join(target, file)), { recursive: true });
        await writeFile(join(target, file), withSchema(text, file));
      }
      const at = relative(process.cwd(), join(target, 'pipeline.yaml'));
      cli.print(
        { directory: target, files: Object.keys(files) },
        () =>
          `${Object.keys(files)
            .map((file) => join(directory, file))
            .join('\n')}\n\nrun it with\n  longhaul run ${/[^\w./-]/.test(at) ? `'${at}'` : at}`,
      );
    });
}

/** Texts by their place in a project: the template, and the schemas by which editors check it, so that it needs nothing of ours beside it. */
async function templateFiles(): Promise<Record<string, string>> {
  const names = (await readdir(TEMPLATE, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => relative(TEMPLATE, join(entry.parentPath, entry.name)));
  const files = new Map(names.map((name) => [name === 'gitignore' ? '.gitignore' : name, join(TEMPLATE, name)]));
  for (const schema of SCHEMA_FILES) files.set(join('schemas', schema), join(SCHEMAS, schema));
  return Object.fromEntries(await Promise.all([...files].map(async ([name, path]) => [name, await readFile(path, 'utf8')] as const)));
}

/** Editors complete a file by the schema that its first line names: the project's own, as seen from the file. */
export function withSchema(text: string, file: string): string {
  return text.replace(/(?<=^# yaml-language-server: \$schema=)\S+/, (schema) => {
    const path = relative(dirname(file), join('schemas', basename(schema)))
      .split(sep)
      .join('/');
    return path.startsWith('.') ? path : `./${path}`;
  });
}
