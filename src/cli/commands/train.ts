import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Option, type Command } from 'commander';
import { openPorts } from '../../adapters/open.ts';
import type { Profile } from '../../contract/profile.ts';
import { checkRunName } from '../../contract/run-names.ts';
import { compileWithCode, DEFAULT_PROFILE } from '../compile-file.ts';
import { assignments, cliOf, collect, examples, integer } from '../context.ts';
import { startCompiled } from '../start-compiled.ts';
import { trainingPipeline, uploadUri, type Upload } from '../training-pipeline.ts';

interface Options {
  readonly profile: string;
  readonly data: readonly string[];
  readonly set: readonly string[];
  readonly metric?: string;
  readonly direction?: 'maximize' | 'minimize';
  readonly epochs?: number;
  readonly seed?: number;
  readonly code?: string;
  readonly requirements?: string;
  readonly python?: string;
  readonly image?: string;
  readonly name?: string;
  readonly detach?: boolean;
  readonly runId?: string;
}

const FOLDER = join('.longhaul', 'train');

export function registerTrain(program: Command): void {
  program
    .command('train')
    .description('train a script once, here or where a profile says, without a pipeline file')
    .argument('<script>', 'a Python script that uses the SDK')
    .option(
      '--data <[name=]folder>',
      'parquet parts, here or in the store; a folder may hold train, validation, …; may be repeated',
      collect,
      [],
    )
    .option('--set <name=value>', 'a parameter of the training, e.g. lr=0.1; may be repeated', collect, [])
    .option('--metric <name>', 'what is best; otherwise the first one of trial.validation')
    .addOption(new Option('--direction <way>', 'which way is better; otherwise by the name').choices(['maximize', 'minimize']))
    .option('--epochs <number>', 'how often to go through the data', integer)
    .option('--seed <number>', 'of everything that is random', integer)
    .option('--code <folder>', 'what is shipped; otherwise the script, or its folder where it imports from there')
    .option('--requirements <file>', 'pip requirements, pinned')
    .option('--python <path>', 'interpreter of the machine or image')
    .option('--image <name>', 'image to run in; otherwise that of the profile')
    .option('--profile <name>', 'where it runs: a profile in this folder, or a path', DEFAULT_PROFILE)
    .option('--name <name>', 'of the pipeline; otherwise that of the script')
    .option('-d, --detach', 'do not wait for the end')
    .option('--run-id <name>', 'name of the run, used once')
    .addHelpText(
      'after',
      `${examples('longhaul train train.py --data parts/ --set lr=0.1', 'longhaul train train.py --data train=gs://bucket/parts/train --profile gcp --detach')}
The pipeline is written to ${FOLDER}, a file to go on from.`,
    )
    .action(async (script: string, options: Options, command: Command) => {
      const cli = cliOf(command);
      if (options.runId !== undefined) checkRunName(options.runId, '--run-id');
      const cwd = process.cwd();
      const folder = join(cwd, FOLDER);
      const parameters = assignments(options.set);
      const { pipeline, uploads } = await trainingPipeline(script, { ...options, parameters }, cwd, folder);
      const file = join(FOLDER, `${String(pipeline['name'])}.yaml`);
      const { stringify } = await import('yaml');
      await mkdir(folder, { recursive: true });
      await writeFile(join(cwd, file), stringify(pipeline));
      const compiled = await compileWithCode(file, { profile: profileIn(cwd, options.profile), set: [] }, cli);
      await startCompiled(compiled, options, cli, command, () => put(compiled.document.profile, uploads));
    });
}

/** Profiles lie beside a pipeline; this one lies apart. */
function profileIn(folder: string, name: string): string {
  const places = ['yaml', 'yml', 'json', 'ts'].flatMap((extension) => [
    join('profiles', `${name}.${extension}`),
    `${name}.profile.${extension}`,
  ]);
  const found = /[/\\]/.test(name) ? undefined : places.find((place) => existsSync(join(folder, place)));
  return found === undefined ? name : `./${found}`;
}

/** Named by their content: what is there is not sent again. */
async function put(profile: Profile, uploads: readonly Upload[]): Promise<void> {
  if (uploads.length === 0) return;
  await using ports = openPorts();
  const store = await ports.store(profile);
  for (const upload of uploads)
    for (const { name, path } of upload.files) {
      const uri = `${uploadUri(store.root, upload)}/${name}`;
      if (!(await store.stat(uri))) await store.upload(path, uri);
    }
}
