/** The log of a container or script step. */
import { LogView } from '../log-view.tsx';
import { Card } from '../ui.tsx';

export function LogsPage({ run, step }: { readonly run: string; readonly step: string }): preact.JSX.Element {
  return (
    <Card title={`Log of ${step}`}>
      <LogView run={run} step={step} />
    </Card>
  );
}
