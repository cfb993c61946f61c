import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { RefusedError } from '../../client/errors.ts';
import { cliOf, examples } from '../context.ts';

const TEMPLATE = fileURLToPath(new URL('../template', import.meta.url));

export function registerInit(program: Command): void {
  program
    .command('init')
    .description('write a small commented pipeline to start from')
    .argument('[directory]', 'where', '.')
    .addHelpText('after', examples('longhaul init', 'longhaul init my-pipeline && cd my-pipeline && longhaul run pipeline.yaml'))
    .action(async (directory: string, _options: object, command: Command) => {
      const cli = cliOf(command);
      const target = resolve(directory);
      const files = (await readdir(TEMPLATE, { recursive: true, withFileTypes: true }))
        .filter((entry) => entry.isFile())
        .map((entry) => relative(TEMPLATE, join(entry.parentPath, entry.name)));
      const taken = files.filter((file) => existsSync(join(target, file)));
      if (taken.length > 0)
        throw new RefusedError(`${join(directory, taken[0] ?? '')} is already there; \`longhaul init\` overwrites nothing`);
      for (const file of files) {
        await mkdir(dirname(join(target, file)), { recursive: true });
        await writeFile(
          join(target, file),
          withSchema(await readFile(join(TEMPLATE, file), 'utf8'), join(TEMPLATE, file), join(target, file)),
        );
      }
      const at = relative(process.cwd(), join(target, 'pipeline.yaml'));
      cli.print(
        { directory: target, files },
        () => `${files.map((file) => join(directory, file)).join('\n')}\n\nrun it with\n  longhaul run ${at}`,
      );
    });
}

/** Editors complete a file by the schema that its first line names: a path from the file's new place to the same schema. */
export function withSchema(text: string, from: string, to: string): string {
  return text.replace(/(?<=^# yaml-language-server: \$schema=)\S+/, (schema) =>
    relative(dirname(to), resolve(dirname(from), schema))
      .split(sep)
      .join('/'),
  );
}
