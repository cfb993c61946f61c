/** Learning curves of a search: read thinned out, then grown by the points that come in. */
import { useEffect, useState } from 'preact/hooks';
import type { CurvePoint } from '../../present/charts/views.ts';
import type { CurvesView, RunEvents } from '../wire.ts';
import { api, get, RequestError } from './request.ts';
import { isValidation, type RunStore } from './run-store.ts';

interface Curves {
  readonly metric: string;
  readonly metrics: readonly string[];
  readonly points: readonly CurvePoint[];
  readonly error: RequestError | null;
}

/** null while they are read. */
export function useCurves(store: RunStore, step: string, metric: string): Curves | null {
  const [curves, setCurves] = useState<Curves | null>(null);
  useEffect(() => {
    let gone = false;
    // Points that come in while the curves are read are kept and added.
    let early: CurvePoint[] = [];
    const grow = (event: RunEvents['points']): void => {
      if (event.step !== step) return;
      const fresh = event.points.filter(isValidation).map((point): CurvePoint => ({ step, trial: event.trial, ...point }));
      if (fresh.length === 0) return;
      early = [...early, ...fresh];
      setCurves((known) => (known?.metric === metric ? { ...known, points: [...known.points, ...fresh] } : known));
    };
    const stop = store.onPoints(grow);
    setCurves(null);
    get<CurvesView>(`${api`/runs/${store.run}/steps/${step}/curves`}?${new URLSearchParams({ metric }).toString()}`).then(
      (view) => {
        if (gone) return;
        const read = pointsOf(view, step);
        const known = new Set(read.map((point) => `${point.trial}/${point.trainingStep}`));
        const more = early.filter((point) => !known.has(`${point.trial}/${point.trainingStep}`));
        setCurves({ metric, metrics: view.metrics, points: [...read, ...more], error: null });
      },
      (error: unknown) => {
        if (!gone && error instanceof RequestError) setCurves({ metric, metrics: [], points: [], error });
      },
    );
    return () => {
      gone = true;
      stop();
    };
  }, [store, step, metric]);
  return curves;
}

const pointsOf = ({ series, metric }: CurvesView, step: string): CurvePoint[] =>
  series.flatMap(({ trial, points }) =>
    points.map(([samples, value, trainingStep, epoch, attempt]): CurvePoint => ({
      step,
      trial,
      attempt,
      epoch,
      samples,
      trainingStep,
      metrics: { [metric]: value },
    })),
  );
