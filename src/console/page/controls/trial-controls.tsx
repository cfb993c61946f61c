/** The buttons of a trial: each asks first. Names and payloads are those of `UPDATES`. */
import { UPDATES } from '../../../contract/names.ts';
import type { TrialState } from '../../../contract/state.ts';
import { dialogs } from '../dialog.tsx';
import { isOperator } from '../request.ts';
import { Button } from '../ui.tsx';
import { jsonIn, numberIn, pretty } from './inputs.ts';

export function TrialControls({
  run,
  step,
  trial,
}: {
  readonly run: string;
  readonly step: string;
  readonly trial: TrialState;
}): preact.JSX.Element | null {
  if (!isOperator()) return null;
  const number = trial.trial;
  const of = { run, payload: { step, trial: number } };
  const open = trial.status === 'running' || trial.status === 'queued' || trial.status === 'paused';
  const simple =
    (control: string, title: string, text: string, confirm: string, danger = false) =>
    (): void =>
      dialogs.ask({ ...of, control, title, text, confirm, danger });
  return (
    <div class="controls" role="group" aria-label={`Controls of trial ${number}`}>
      {trial.status === 'running' || trial.status === 'queued' ? (
        <Button onClick={simple(UPDATES.pause, `Pause trial ${number}?`, 'It commits a checkpoint and gives its machine back.', 'Pause')}>
          Pause
        </Button>
      ) : null}
      {trial.status === 'paused' || trial.status === 'stopped' ? (
        <Button kind="primary" onClick={simple(UPDATES.resume, `Resume trial ${number}?`, 'It goes on from its checkpoint.', 'Resume')}>
          Resume
        </Button>
      ) : null}
      {open ? (
        <>
          <Button
            kind="danger"
            onClick={simple(
              UPDATES.stopTrial,
              `Stop trial ${number}?`,
              'It ends with a checkpoint; its models stay. It can be resumed later.',
              'Stop trial',
              true,
            )}
          >
            Stop
          </Button>
          {trial.kept ? null : (
            <Button onClick={simple(UPDATES.keepTrial, `Keep trial ${number}?`, 'No rule may stop it early.', 'Keep')}>Keep</Button>
          )}
          <Button
            onClick={() =>
              dialogs.ask({
                ...of,
                control: UPDATES.prioritise,
                title: `Priority of trial ${number}`,
                text: 'Of waiting trials the one with the highest priority starts first.',
                confirm: 'Set',
                fields: [{ name: 'priority', label: 'Priority', kind: 'number', value: String(trial.priority), required: true }],
                read: ({ priority }) => ({ priority: numberIn('Priority', priority) }),
              })
            }
          >
            Priority
          </Button>
        </>
      ) : null}
      <Button
        onClick={() =>
          dialogs.ask({
            ...of,
            control: UPDATES.forkTrial,
            title: `Fork trial ${number}`,
            text: 'A new trial goes on from a checkpoint of this one, with other parameters.',
            confirm: 'Fork',
            fields: [
              { name: 'checkpoint', label: 'Checkpoint', kind: 'text', hint: 'Empty: the newest one.' },
              { name: 'parameters', label: 'Parameters', kind: 'json', value: pretty(trial.parameters), required: true },
            ],
            read: ({ checkpoint, parameters }) => ({
              parameters: jsonIn('Parameters', parameters),
              ...(checkpoint === undefined || checkpoint === '' ? {} : { checkpoint }),
            }),
          })
        }
      >
        Fork
      </Button>
    </div>
  );
}
