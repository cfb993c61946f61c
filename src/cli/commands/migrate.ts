import { readFile, writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import type { Migrated } from '../../compile/migrate.ts';
import { cliOf, examples } from '../context.ts';
import { fileProblem } from '../../contract/file-problems.ts';
import { UsageError } from '../exit.ts';

export function registerMigrate(program: Command): void {
  program
    .command('migrate')
    .description('rewrite the spellings of an earlier version in YAML; comments, order and layout stay')
    .argument('<file...>', 'pipelines, components, profiles or policies in YAML')
    .option('--check', 'change nothing; exit code 1 if something would be')
    .addHelpText(
      'after',
      examples('longhaul migrate pipeline.yaml components/*.yaml profiles/*.yaml', 'longhaul migrate --check pipeline.yaml'),
    )
    .action(async (files: string[], options: { readonly check?: true }, command: Command) => {
      const cli = cliOf(command);
      // All are read before the first is written.
      const migrated = await Promise.all(files.map(async (file) => ({ file, ...(await migratedFile(file)) })));
      if (options.check === undefined) for (const { file, text, changes } of migrated) if (changes.length > 0) await writeFile(file, text);
      const result = migrated.map(({ file, changes }) => ({ file, changes }));
      cli.print({ files: result }, () => result.map(told).join('\n'));
      if (options.check && result.some(({ changes }) => changes.length > 0)) process.exitCode = 1;
    });
}

function told({ file, changes }: { readonly file: string } & Pick<Migrated, 'changes'>): string {
  if (changes.length === 0) return `${file}: nothing to change`;
  return changes.map(({ line, old, now }) => `${file}:${line}: ${old} is now ${now}`).join('\n');
}

async function migratedFile(file: string): Promise<Migrated> {
  if (!/\.ya?ml$/.test(file))
    throw new UsageError(`${file}: expected a YAML file; in TypeScript the type checker names the fields that changed`);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file));
  } catch (error) {
    throw new UsageError(`${file}: ${fileProblem(error)?.message ?? 'the file is no UTF-8 text; save it as UTF-8'}`);
  }
  if (text.trim() === '' || text.includes('\0'))
    throw new UsageError(`${file}: expected YAML in UTF-8, found ${text.trim() === '' ? 'an empty file' : 'bytes of value 0'}`);
  const { migrate } = await import('../../compile/migrate.ts');
  try {
    return migrate(text);
  } catch (error) {
    throw new UsageError(`${file}: ${error instanceof Error ? error.message : 'no YAML'}`);
  }
}
