import type { Command } from 'commander';
import type { RunDocument } from '../../contract/run-document.ts';
import type { Json } from '../../contract/values.ts';
import { codeChanges, inStore, type CodeChange } from '../code-changes.ts';
import { cliOf, examples } from '../context.ts';
import { readRuns } from '../read-runs.ts';
import { comparable, differences, type Difference } from '../../present/differences.ts';
import { oneLine } from '../../present/format.ts';
import type { Colors } from '../terminal.ts';

export function registerDiff(program: Command): void {
  program
    .command('diff')
    .description('what differed between two runs: code file by file, SQL, parameters, profile')
    .argument('<run>', 'name of a run')
    .argument('<other>', 'name of another')
    .addHelpText('after', examples('longhaul diff grocery-ranking-20261124-101500-k3f9 grocery-ranking-20261124-113000-x2p1'))
    .action(async (first: string, second: string, _options: object, command: Command) => {
      const cli = cliOf(command);
      await using reading = await readRuns(cli, { ids: [first, second] });
      const { ports } = reading;
      const [before, after] = (await Promise.all(reading.runs.map((run) => run.document()))) as [RunDocument, RunDocument];
      const found = differences(comparable(before), comparable(after));
      const side = async (document: RunDocument) => ({ document, read: inStore(await ports.store(document.profile)) });
      const code = await codeChanges(await side(before), await side(after));
      const colors = cli.terminal.colors;
      cli.print([...found, ...code.map(asDifference)], () =>
        found.length === 0
          ? 'the two runs had the same document'
          : [...found.map((difference) => render(difference, colors)), ...code.map((change) => renderChange(change, colors))].join('\n'),
      );
    });
}

/** A file as a place of the document, whose content the digests stand for. */
const asDifference = ({ step, file, change, diff }: CodeChange): object => ({ path: `code of ${step}: ${file}`, change, diff });

function renderChange({ step, file, change, diff }: CodeChange, colors: Colors): string {
  const paint = (line: string): string => (line.startsWith('+') ? colors.green(line) : line.startsWith('-') ? colors.red(line) : line);
  const said = change === 'unknown' ? 'the store does not have it any more' : diff === null ? `${change}, no text` : change;
  return [`${colors.bold(`code of ${step}: ${file}`)} (${said})`, ...(diff ?? []).map((line) => `  ${paint(line)}`)].join('\n');
}

function render({ path, before, after }: Difference, colors: Colors): string {
  const multiline = typeof before === 'string' && typeof after === 'string' && (before.includes('\n') || after.includes('\n'));
  if (multiline) return [colors.bold(path), ...lineDifferences(before, after, colors)].join('\n');
  const shown = (value: Json | undefined): string => (value === undefined ? '(not there)' : oneLine(JSON.stringify(value)));
  return `${colors.bold(path)}\n  ${colors.red(`- ${shown(before)}`)}\n  ${colors.green(`+ ${shown(after)}`)}`;
}

/** Longest common subsequence of lines: SQL files are short. */
function lineDifferences(before: string, after: string, colors: Colors): string[] {
  const a = before.split('\n');
  const b = after.split('\n');
  const lengths = Array.from({ length: a.length + 1 }, () => new Array<number>(b.length + 1).fill(0));
  const at = (i: number, j: number): number => lengths[i]?.[j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--) {
    const row = lengths[i];
    if (row) for (let j = b.length - 1; j >= 0; j--) row[j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  }
  const lines: string[] = [];
  for (let i = 0, j = 0; i < a.length || j < b.length;) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      i++;
      j++;
    } else if (j >= b.length || (i < a.length && at(i + 1, j) >= at(i, j + 1))) lines.push(colors.red(`  - ${a[i++] ?? ''}`));
    else lines.push(colors.green(`  + ${b[j++] ?? ''}`));
  }
  return lines;
}
