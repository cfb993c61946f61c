/** Models and evaluations of a run, read again when the server says that they changed. */
import { useEffect, useState } from 'preact/hooks';
import type { ModelsView } from '../wire.ts';
import { api, get } from './request.ts';
import type { RunStore } from './run-store.ts';

/** null while they are read for the first time. */
export function useResults(store: RunStore): ModelsView | null {
  const [results, setResults] = useState<ModelsView | null>(null);
  useEffect(() => {
    const controller = new AbortController();
    // What cannot be read now is read when the next change is told; the run's own trouble is shown above.
    get<ModelsView>(api`/runs/${store.run}/results`, controller.signal).then(setResults, () => undefined);
    return () => controller.abort();
  }, [store, store.results]);
  return results;
}
