/** What was expected of the data, and what was found. */
import type { LedgerRow } from '../../../contract/ledger.ts';
import { numberOf, textOf } from '../../../present/charts/views.ts';
import { metric as shown } from '../../../present/format.ts';
import { useResults } from '../results.ts';
import type { RunStore } from '../run-store.ts';
import { Table, type Column } from '../table.tsx';
import { Card, Empty, Figure, Figures, Loading } from '../ui.tsx';

type Row = LedgerRow<'checks'>;

const MARKS: Readonly<Record<string, string>> = { pass: '✔ pass', warn: '≈ warn', fail: '✘ fail' };

export function ChecksPage({ store }: { readonly store: RunStore }): preact.JSX.Element {
  const results = useResults(store);
  if (!results) return <Loading what="checks" />;
  const rows = results.checks;
  const of = (outcome: string): number => rows.filter((row) => row.outcome === outcome).length;
  if (rows.length === 0)
    return (
      <Card title="Checks">
        <Empty title="Nothing was checked yet">
          <p>A check step of the pipeline tells here what was expected of a table, and what was found.</p>
        </Empty>
      </Card>
    );
  return (
    <>
      <Figures>
        <Figure name="Rules that hold" value={of('pass')} />
        <Figure name="Warnings" value={of('warn')} />
        <Figure name="Failures" value={of('fail')} />
      </Figures>
      <Card title="Checks">
        <Table
          label="Rules of check steps"
          rows={rows}
          columns={COLUMNS}
          rowKey={(row) => `${String(row.step)} ${String(row.rule)}`}
          limit={100}
        />
      </Card>
    </>
  );
}

const text = (name: 'step' | 'rule' | 'table' | 'limit' | 'detail', title: string): Column<Row> => ({
  name,
  title,
  key: (row) => textOf(row[name]),
  cell: (row) => textOf(row[name]),
});

const COLUMNS: Column<Row>[] = [
  { name: 'outcome', title: 'Outcome', key: (row) => textOf(row.outcome), cell: (row) => MARKS[textOf(row.outcome) ?? ''] ?? '' },
  text('step', 'Step'),
  text('rule', 'Rule'),
  { name: 'value', title: 'Found', align: 'right', key: (row) => numberOf(row.value), cell: (row) => shown(numberOf(row.value)) },
  text('limit', 'Expected'),
  text('detail', 'In words'),
  text('table', 'Table'),
];
