/** The log of a container or script step. */
import type { RunView } from '../../wire.ts';
import { LogView } from '../log-view.tsx';
import { Card } from '../ui.tsx';

export function LogsPage({ view, step }: { readonly view: RunView; readonly step: string }): preact.JSX.Element {
  const state = view.state.steps.find((one) => one.id === step);
  return (
    <Card title={`Log of ${step}`}>
      <LogView run={view.state.run} step={step} going={view.state.endedAt === null && state?.endedAt === null} />
    </Card>
  );
}
