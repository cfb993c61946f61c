/** The run document: what was run, its hash, its SQL, and what differs from another run's. */
import { useEffect, useState } from 'preact/hooks';
import type { RunSummary } from '../../../client/longhaul.ts';
import type { RunDocument } from '../../../contract/run-document.ts';
import type { RunView } from '../../wire.ts';
import { DiffTable } from '../diff-table.tsx';
import { api, get, RequestError } from '../request.ts';
import { Card, Copy, Empty, Facts, Loading, Problem } from '../ui.tsx';

export function ConfigPage({ view }: { readonly view: RunView }): preact.JSX.Element {
  const { run } = view.state;
  const [document, setDocument] = useState<RunDocument | null>(null);
  const [error, setError] = useState<RequestError | null>(null);
  useEffect(() => {
    get<RunDocument>(api`/runs/${run}/document`).then(setDocument, (failure: unknown) => {
      if (failure instanceof RequestError) setError(failure);
    });
  }, [run]);
  useEffect(() => {
    const anchor = decodeURIComponent(window.location.hash.slice(1));
    if (anchor !== '') window.document.getElementById(anchor)?.scrollIntoView();
  }, [document]);
  if (error) return <Problem error={error} what="The document cannot be read:" />;
  if (!document) return <Loading what="the run document" />;
  const { source } = document;
  const queries = view.steps.flatMap((step) => (step.sql ? [{ id: step.id, ...step.sql }] : []));
  const text = JSON.stringify(document, null, 2);
  return (
    <>
      <Card title="Provenance">
        <Facts
          facts={[
            ['Pipeline', document.pipeline],
            ['File', source.file],
            ['Commit', source.commit === null ? 'not in a git repository' : `${source.commit}${source.dirty ? ' with changes' : ''}`],
            ['Profile', document.profileName],
            [
              'Document hash',
              <>
                <code>{document.hash}</code> <Copy text={document.hash} what="the hash" />
              </>,
            ],
            ['Parameters', Object.keys(document.params).length === 0 ? 'none' : <code>{JSON.stringify(document.params)}</code>],
          ]}
        />
      </Card>
      <CompareCard run={run} pipeline={view.state.pipeline} document={document} />
      {queries.length === 0 ? null : (
        <Card title="SQL">
          {queries.map((query) => (
            <details key={query.id} id={`sql-${query.id}`} open={queries.length < 3 || window.location.hash === `#sql-${query.id}`}>
              <summary>
                <strong>{query.id}</strong> <span class="note">{query.file}</span>
              </summary>
              <pre class="code" tabIndex={0} aria-label={`SQL of ${query.id}`}>
                {query.text}
              </pre>
            </details>
          ))}
        </Card>
      )}
      <Card
        title="Run document"
        actions={<Copy text={text} what="the run document" />}
        note="Only this document entered Temporal: everything is resolved in it."
      >
        <pre class="code tall" tabIndex={0} aria-label="Run document">
          {text}
        </pre>
      </Card>
    </>
  );
}

function CompareCard({
  run,
  pipeline,
  document,
}: {
  readonly run: string;
  readonly pipeline: string;
  readonly document: RunDocument;
}): preact.JSX.Element {
  const [runs, setRuns] = useState<readonly RunSummary[] | null>(null);
  const [other, setOther] = useState('');
  const [before, setBefore] = useState<RunDocument | null>(null);
  useEffect(() => {
    get<{ runs: readonly RunSummary[] }>(`/api/runs?${new URLSearchParams({ pipeline }).toString()}`).then(
      (answer) => setRuns(answer.runs.filter((one) => one.run !== run)),
      () => setRuns([]),
    );
  }, [run, pipeline]);
  useEffect(() => {
    setBefore(null);
    if (other === '') return;
    const controller = new AbortController();
    get<RunDocument>(api`/runs/${other}/document`, controller.signal).then(setBefore, () => undefined);
    return () => controller.abort();
  }, [other]);
  return (
    <Card title="Differences to another run">
      {runs === null ? (
        <Loading what="runs" />
      ) : runs.length === 0 ? (
        <Empty title="This is the only run of its pipeline" />
      ) : (
        <>
          <div class="filters">
            <label>
              <span>Compare with</span>
              <select value={other} onChange={(event) => setOther(event.currentTarget.value)}>
                <option value="">choose a run</option>
                {runs.map((one) => (
                  <option key={one.run} value={one.run}>
                    {one.run} ({one.status})
                  </option>
                ))}
              </select>
            </label>
          </div>
          {other === '' ? null : before === null ? (
            <Loading what="the other document" />
          ) : (
            <DiffTable before={before} after={document} names={[other, run]} />
          )}
        </>
      )}
    </Card>
  );
}
