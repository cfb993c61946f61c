import { existsSync } from 'node:fs';
import { cp, mkdir, readdir } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
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
      await mkdir(target, { recursive: true });
      await cp(TEMPLATE, target, { recursive: true });
      const at = relative(process.cwd(), join(target, 'pipeline.yaml'));
      cli.print(
        { directory: target, files },
        () => `${files.map((file) => join(directory, file)).join('\n')}\n\nrun it with\n  longhaul run ${at}`,
      );
    });
}
