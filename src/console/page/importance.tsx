/** Which parameters mattered, asked of the server when the card is shown and when more trials have ended. */
import { useEffect, useState } from 'preact/hooks';
import type { Importance } from '../../contract/sampler.ts';
import { importanceChart } from '../../present/charts/importance.ts';
import { ChartView } from './chart.tsx';
import { api, get, RequestError } from './request.ts';
import { Card, Problem } from './ui.tsx';

/** The figure moves slowly: asking at every fifth end is enough. */
const EVERY = 5;
const FEWEST = 4;

export function ImportanceCard({
  run,
  step,
  ended,
}: {
  readonly run: string;
  readonly step: string;
  readonly ended: number;
}): preact.JSX.Element {
  const [importance, setImportance] = useState<Importance | null>(null);
  const [error, setError] = useState<RequestError | null>(null);
  const round = ended < FEWEST ? 0 : Math.floor(ended / EVERY) + 1;
  useEffect(() => {
    if (round === 0) return;
    const controller = new AbortController();
    get<Importance | null>(api`/runs/${run}/steps/${step}/importance`, controller.signal).then(
      (found) => {
        setImportance(found);
        setError(null);
      },
      (failure: unknown) => {
        if (failure instanceof RequestError) setError(failure);
      },
    );
    return () => controller.abort();
  }, [run, step, round]);
  return (
    <Card title="Parameter importance">
      {error === null ? (
        <ChartView
          make={(theme) => (importance === null ? null : importanceChart(importance, theme))}
          of={[importance]}
          empty={`Appears when ${FEWEST} trials or more have ended with different parameters.`}
        />
      ) : (
        <Problem error={error} what="Importance is not known:" />
      )}
    </Card>
  );
}
