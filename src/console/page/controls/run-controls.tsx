/** The buttons of a run: each asks first. Names and payloads are those of `UPDATES`. */
import { UPDATES } from '../../../contract/names.ts';
import type { RunState } from '../../../contract/state.ts';
import { dialogs } from '../dialog.tsx';
import { isOperator } from '../request.ts';
import { Button } from '../ui.tsx';

export function RunControls({ state }: { readonly state: RunState }): preact.JSX.Element | null {
  if (!isOperator() || state.endedAt !== null) return null;
  const { run } = state;
  const paused = state.status === 'paused';
  return (
    <div class="controls" role="group" aria-label="Controls of the run">
      {paused ? (
        <Button
          kind="primary"
          onClick={() =>
            dialogs.ask({
              title: 'Resume the run?',
              text: 'Steps start again, and trials go on from their checkpoints.',
              run,
              control: UPDATES.resume,
              confirm: 'Resume',
            })
          }
        >
          Resume run
        </Button>
      ) : (
        <Button
          onClick={() =>
            dialogs.ask({
              title: 'Pause the run?',
              text: 'Trials commit a checkpoint and give their machines back; no new step starts. A run may rest for days.',
              run,
              control: UPDATES.pause,
              confirm: 'Pause',
            })
          }
        >
          Pause run
        </Button>
      )}
      <Button
        kind="danger"
        onClick={() =>
          dialogs.ask({
            title: 'Stop the run?',
            text: 'Every trial commits a checkpoint first, then the run ends; exit steps still run. That may take as long as the largest checkpoint. A stopped run cannot go on, but its finished steps stay in the cache.',
            run,
            control: 'stop',
            confirm: 'Stop the run',
            danger: true,
          })
        }
      >
        Stop run
      </Button>
      <Button
        kind="danger"
        onClick={() =>
          dialogs.ask({
            title: 'Cancel the run?',
            text: 'Everything that runs is told to end now and removed; exit steps still run. A cancelled run cannot go on, but its finished steps stay in the cache.',
            run,
            control: 'cancel',
            confirm: 'Cancel the run',
            danger: true,
          })
        }
      >
        Cancel run
      </Button>
    </div>
  );
}

/** Yes or no to a step that asks. */
export function ApprovalButtons({ run, step }: { readonly run: string; readonly step: string }): preact.JSX.Element | null {
  if (!isOperator()) return null;
  const ask = (control: 'approve' | 'reject'): void =>
    dialogs.ask({
      title: control === 'approve' ? `Approve “${step}”?` : `Reject “${step}”?`,
      text: control === 'approve' ? 'The run goes on.' : 'The step fails, and with it what depends on it.',
      run,
      control,
      confirm: control === 'approve' ? 'Approve' : 'Reject',
      danger: control === 'reject',
      payload: { approval: step },
    });
  return (
    <div class="controls">
      <Button kind="primary" onClick={() => ask('approve')}>
        Approve
      </Button>
      <Button kind="danger" onClick={() => ask('reject')}>
        Reject
      </Button>
    </div>
  );
}
