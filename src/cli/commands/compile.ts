import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { compileWithCode, withCompileOptions, type CompileOptions } from '../compile-file.ts';
import { cliOf, examples } from '../context.ts';
import { shipCode } from '../ship-code.ts';

interface Options extends CompileOptions {
  readonly file?: string;
}

export function registerCompile(program: Command): void {
  withCompileOptions(program.command('compile'))
    .description('check a pipeline and print its run document: plain JSON, everything resolved; code goes into the store')
    .argument('<file>', 'pipeline file')
    .option('-f, --file <path>', 'write it there instead of stdout')
    .addHelpText(
      'after',
      examples(
        'longhaul compile pipeline.yaml --profile local > run.json',
        'temporal workflow start --type trainingPipeline --task-queue longhaul-control --workflow-id my-run --input-file run.json',
      ),
    )
    .action(async (file: string, options: Options, command: Command) => {
      const cli = cliOf(command);
      const { document, code } = await compileWithCode(file, options, cli);
      await shipCode(document, code);
      if (options.file === undefined) return cli.terminal.json(document);
      await writeFile(options.file, `${JSON.stringify(document, null, 2)}\n`);
      cli.terminal.say(`${options.file}: ${document.steps.length} steps, hash ${document.hash.slice(0, 12)}`);
    });
}
