/** Tables of what came of a search besides its best trial. */
import { intervalOf } from '../../present/evaluations.ts';
import { metric, parameters } from '../../present/format.ts';
import { html, type Markup } from '../../present/html.ts';
import { replicateValues, type SearchFindings } from '../../present/search-findings.ts';
import { table } from '../tables.ts';

/** Further ones are for `--format json`. */
const MOST_LINEAGES = 10;

export function findingsSection({ broken, front, knee, replicates, lineages }: SearchFindings): Markup {
  return html`${frontOf(front, knee)}${replicatesTable(replicates)}${lineageTable(lineages)}${brokenTable(broken)}`;
}

function frontOf(front: readonly number[], knee: number | null): Markup {
  if (front.length === 0) return html``;
  const beyond = knee === null ? '' : `; its knee is trial ${knee}`;
  return html`<p>No other trial is better in all objectives than trials ${front.join(', ')}${beyond}.</p>`;
}

function replicatesTable(replicates: SearchFindings['replicates']): Markup {
  if (replicates === null) return html``;
  const [first, second] = replicates.finalists;
  const order =
    first && second && replicates.sure !== null
      ? html`<p>That trial ${first.trial} is better than trial ${second.trial} is ${Math.round(replicates.sure * 100)} % sure.</p>`
      : html``;
  const rows = table('Finalists, trained again with other seeds', replicates.finalists, [
    { title: 'trial', cell: ({ trial }) => trial, number: ({ trial }) => trial },
    { title: 'mean', cell: ({ mean }) => metric(mean), number: ({ mean }) => mean },
    { title: '95 % interval', cell: (one) => intervalOf(one, metric, 'seed') },
    { title: 'values', cell: (one) => replicateValues(one, metric), wide: true },
  ]);
  return html`${rows}${order}`;
}

function lineageTable(lineages: SearchFindings['lineages']): Markup {
  const rows = lineages.slice(0, MOST_LINEAGES).map(({ members }) => ({
    members,
    last: members.at(-1),
  }));
  return table('Members of the population, and what they were forked from', rows, [
    { title: 'trial', cell: ({ last }) => last?.trial ?? '', number: ({ last }) => last?.trial ?? null },
    { title: 'objective', cell: ({ last }) => metric(last?.objective), number: ({ last }) => last?.objective ?? null },
    { title: 'lineage', cell: ({ members }) => members.map(({ trial }) => trial).join(' → ') },
    {
      title: 'parameters, and what each fork changed',
      cell: ({ members }) => members.map((member) => parameters(member.parameters) || 'none').join(' → '),
      wide: true,
    },
  ]);
}

const brokenTable = (broken: SearchFindings['broken']): Markup =>
  table('Trials that break a constraint', broken, [
    { title: 'trial', cell: ({ trial }) => trial, number: ({ trial }) => trial },
    { title: 'constraint', cell: ({ why }) => why.join(', '), wide: true },
  ]);
