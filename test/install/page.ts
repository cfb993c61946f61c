/** docs/install.md as a person follows it: its files are written and its commands run, from top to bottom, in one shell. */
import { spawn } from 'node:child_process';
import { mkdirSync, openSync, closeSync, readFileSync, rmSync, writeFileSync, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parse, stringify } from 'yaml';
import { root } from '../../bin/setup-tools.mjs';

const PAGE = join(root, 'docs', 'install.md');

/**
 * What a block of the page is, as its fence says: `sh` is run; `sh settings` names what is everybody's own, and gets ours; each line of `sh refused` that
 * ends with a comment fails, and says what is in the comment; `sh elsewhere` and `sh clone` are not run here; `yaml FILE` is a file.
 */
export type Block =
  | { readonly kind: 'run' | 'settings' | 'refused' | 'elsewhere' | 'clone' | 'code'; readonly text: string; readonly section: string }
  | {
      readonly kind: 'file';
      readonly text: string;
      readonly file: string;
      readonly section: string;
    };

const SHELL_KINDS = ['settings', 'refused', 'elsewhere', 'clone'] as const;

/** @throws Error for a block of which nobody says what it is, and for indented ones */
export function blocksOfPage(text = readFileSync(PAGE, 'utf8')): readonly Block[] {
  const outside = text.replace(/^```[^]*?^```$/gm, '');
  if (/^ {4}/m.test(outside)) throw new Error('docs/install.md: a block without a fence, of which nobody says what it is');
  const blocks: Block[] = [];
  let section = '';
  for (const [, heading, info = '', body = ''] of text.matchAll(/^##+ (.*)$|^```(.*)\n([^]*?)^```$/gm)) {
    if (heading !== undefined) {
      section = heading;
      continue;
    }
    const [language, what] = info.split(' ');
    const kind = SHELL_KINDS.find((each) => each === what);
    if (language === 'yaml' && what !== undefined) blocks.push({ kind: 'file', file: what, text: body, section });
    else if (language === 'sh' && what === undefined) blocks.push({ kind: 'run', text: body, section });
    else if (language === 'sh' && kind !== undefined) blocks.push({ kind, text: body, section });
    else if (language === 'ts') blocks.push({ kind: 'code', text: body, section });
    else throw new Error(`docs/install.md: what is a block of "${info}"? (${section})`);
  }
  return blocks;
}

/** The lines that must fail, and what they say; the others prepare them. */
export function refusalsOf(text: string): readonly { readonly command: string; readonly says: string | null }[] {
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const [, command = line, says = null] = /^(.*\S)\s+# (.*)$/.exec(line) ?? [];
      return { command, says };
    });
}

interface Said {
  readonly code: number | null;
  /** Standard output and error. */
  readonly text: string;
}

/** A shell whose folder and variables last from one script to the next, and that ends what it left in the background. */
export class Shell {
  readonly #state: string;
  readonly #env: NodeJS.ProcessEnv;

  /** @param state a folder of its own */
  constructor(state: string, cwd: string, env: NodeJS.ProcessEnv) {
    mkdirSync(state, { recursive: true });
    writeFileSync(join(state, 'cwd'), cwd);
    writeFileSync(join(state, 'variables'), '');
    writeFileSync(join(state, 'background'), '');
    this.#state = state;
    this.#env = env;
  }

  /** Where the next script begins. */
  get cwd(): string {
    return readFileSync(join(this.#state, 'cwd'), 'utf8').trim();
  }

  /** As `bash -eu` runs it; where it fails, nothing of it lasts. */
  async run(script: string): Promise<Said> {
    const log = join(this.#state, 'log');
    const file = openSync(log, 'w');
    const state = `'${this.#state}'`;
    // In the background nothing keeps the log open for us: its end is that of the script.
    const child = spawn(
      'bash',
      [
        '-eu',
        '-o',
        'pipefail',
        '-c',
        `. ${state}/variables; cd "$(cat ${state}/cwd)"\n${script}\njobs -p >> ${state}/background; export -p > ${state}/variables; pwd > ${state}/cwd`,
      ],
      { stdio: ['ignore', file, file], env: this.#env },
    );
    closeSync(file);
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('exit', resolve);
    });
    return { code, text: readFileSync(log, 'utf8') };
  }

  stop(): void {
    for (const pid of readFileSync(join(this.#state, 'background'), 'utf8').split('\n').filter(Boolean)) {
      try {
        process.kill(Number(pid), 'SIGTERM');
      } catch {
        // It has ended by itself.
      }
    }
    rmSync(this.#state, { recursive: true, force: true });
  }
}

type Tree = { [key: string]: unknown };
const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value);
const merged = (into: Tree, more: Tree): Tree => {
  const all = { ...into };
  for (const [key, value] of Object.entries(more)) all[key] = isTree(value) && isTree(all[key]) ? merged(all[key], value) : value;
  return all;
};

/** A file of the page, with what is this test's own in it. */
export function writePageFile(folder: string, { file, text }: Extract<Block, { kind: 'file' }>, own: Tree = {}): void {
  const path = join(folder, file);
  if (!existsSync(dirname(path))) throw new Error(`${file}: the page has not made its folder yet`);
  writeFileSync(path, stringify(merged(parse(text) as Tree, own)));
}
