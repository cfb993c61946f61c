import type { Command } from 'commander';
import type { Run } from '../../client/index.ts';
import type { Json } from '../../contract/values.ts';
import { cliOf, examples } from '../context.ts';
import { comparable, differences, type Difference } from '../../present/differences.ts';
import { oneLine } from '../../present/format.ts';
import type { Colors } from '../terminal.ts';

export function registerDiff(program: Command): void {
  program
    .command('diff')
    .description('what differed between two runs: code, SQL, parameters, profile')
    .argument('<run>', 'name of a run')
    .argument('<other>', 'name of another')
    .addHelpText('after', examples('longhaul diff grocery-ranking-20261124-101500-k3f9 grocery-ranking-20261124-113000-x2p1'))
    .action(async (first: string, second: string, _options: object, command: Command) => {
      const cli = cliOf(command);
      await using longhaul = await cli.connectOrStart();
      const of = async (run: Run): Promise<Json> => comparable(await run.document());
      const [before, after] = await Promise.all([of(longhaul.run(first)), of(longhaul.run(second))]);
      const found = differences(before, after);
      cli.print(found, () =>
        found.length === 0
          ? 'the two runs had the same document'
          : found.map((difference) => render(difference, cli.terminal.colors)).join('\n'),
      );
    });
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
