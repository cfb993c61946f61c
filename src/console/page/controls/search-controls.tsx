/** The buttons of a search: each asks first. Names and payloads are those of `UPDATES`. */
import { UPDATES } from '../../../contract/names.ts';
import type { SearchSettings, SearchState } from '../../../contract/state.ts';
import type { Json } from '../../../contract/values.ts';
import type { SearchInfo } from '../../wire.ts';
import { dialogs, type Field, type Question } from '../dialog.tsx';
import { isOperator } from '../request.ts';
import { Button } from '../ui.tsx';
import { jsonIn, numberIn, pretty } from './inputs.ts';

type Asked = Omit<Question, 'run' | 'payload'>;

export function SearchControls({
  run,
  search,
  info,
}: {
  readonly run: string;
  readonly search: SearchState;
  readonly info: SearchInfo;
}): preact.JSX.Element | null {
  const over = search.status !== 'running' && search.status !== 'paused' && search.status !== 'waiting';
  if (!isOperator() || over) return null;
  const { step } = search;
  const settings = search.settings ?? info;
  const of = { run, payload: { step } };
  const answer = (control: 'approve' | 'reject'): void =>
    dialogs.ask({
      ...of,
      title: control === 'approve' ? 'Let the search go on?' : 'End the search here?',
      text: `The search asks: ${search.reason ?? 'whether to go on'}`,
      control,
      confirm: control === 'approve' ? 'Approve' : 'Reject',
      danger: control === 'reject',
    });
  return (
    <div class="controls" role="group" aria-label="Controls of the search">
      {search.status === 'waiting' ? (
        <>
          <Button kind="primary" onClick={() => answer('approve')}>
            Approve
          </Button>
          <Button kind="danger" onClick={() => answer('reject')}>
            Reject
          </Button>
        </>
      ) : null}
      {search.status === 'running' ? (
        <Button
          onClick={() =>
            dialogs.ask({
              ...of,
              title: 'Pause the search?',
              text: 'Its trials commit a checkpoint and give their machines back; none is started.',
              control: UPDATES.pause,
              confirm: 'Pause',
            })
          }
        >
          Pause
        </Button>
      ) : (
        <Button
          kind={search.status === 'paused' ? 'primary' : 'plain'}
          onClick={() =>
            dialogs.ask({
              ...of,
              title: 'Resume the search?',
              text: 'Its trials go on from their checkpoints.',
              control: UPDATES.resume,
              confirm: 'Resume',
            })
          }
        >
          Resume
        </Button>
      )}
      <Button onClick={() => dialogs.ask({ ...of, ...addTrial(settings.space) })}>Add trial</Button>
      <Button
        onClick={() =>
          dialogs.ask({
            ...of,
            title: 'How many trials at once?',
            text: `${search.parallel} at once now. Trials beyond the new number end by themselves; none is stopped.`,
            control: UPDATES.setParallelism,
            confirm: 'Set',
            fields: [{ name: 'parallel', label: 'Trials at once', kind: 'number', value: String(search.parallel), required: true }],
            read: ({ parallel }) => ({ parallel: numberIn('Trials at once', parallel) }),
          })
        }
      >
        Parallelism
      </Button>
      <Button onClick={() => dialogs.ask({ ...of, ...setBudget(settings.budget) })}>Budget</Button>
      <Button onClick={() => dialogs.ask({ ...of, ...setJson('space', 'space', 'Search space', settings.space, UPDATES.setSpace) })}>
        Space
      </Button>
      <Button
        onClick={() => dialogs.ask({ ...of, ...setJson('stopping', 'stopping rules', 'Rules', settings.stopping, UPDATES.setStopping) })}
      >
        Stopping rules
      </Button>
    </div>
  );
}

function addTrial(space: SearchSettings['space']): Asked {
  return {
    title: 'Add a trial',
    text: 'It runs besides the planned ones, with the parameters that you give.',
    control: UPDATES.addTrial,
    confirm: 'Add trial',
    fields: [{ name: 'parameters', label: 'Parameters', kind: 'json', value: pretty(example(space)), required: true }],
    read: ({ parameters }) => ({ parameters: jsonIn('Parameters', parameters) }),
  };
}

function setBudget(budget: SearchSettings['budget']): Asked {
  const field = (name: 'cost' | 'hours' | 'trials', label: string): Field => ({
    name,
    label,
    kind: 'text',
    value: budget[name] === undefined ? '' : String(budget[name]),
    hint: 'Empty: as it is. “none”: no cap.',
  });
  const capIn = (label: string, text: string | undefined): number | null | undefined =>
    text === undefined || text.trim() === '' ? undefined : text.trim() === 'none' ? null : numberIn(label, text);
  return {
    title: 'Budget of the search',
    text: 'At a cap the search checkpoints its trials, pauses and asks.',
    control: UPDATES.setBudget,
    confirm: 'Set budget',
    fields: [field('cost', 'Cost'), field('hours', 'Hours'), field('trials', 'Trials')],
    read: ({ cost, hours, trials }) => ({ cost: capIn('Cost', cost), hours: capIn('Hours', hours), trials: capIn('Trials', trials) }),
  };
}

function setJson(name: string, what: string, label: string, value: unknown, control: string): Asked {
  return {
    title: `Change the ${what}`,
    text: 'For what is decided from now on; what was decided stays.',
    control,
    confirm: 'Change',
    fields: [{ name, label: `${label} (JSON)`, kind: 'json', value: pretty(value), required: true }],
    read: (values) => ({ [name]: jsonIn(label, values[name]) }),
  };
}

/** The middle of each range, so that there is something to change. */
function example(space: SearchSettings['space']): Record<string, Json> {
  const middle = Object.entries(space).map(([name, parameter]): [string, Json] => {
    if (parameter.type === 'categorical') return [name, parameter.choices[0] ?? null];
    const { low, high, log } = parameter;
    const value = log && low > 0 ? Math.sqrt(low * high) : (low + high) / 2;
    return [name, parameter.type === 'int' ? Math.round(value) : Number(value.toPrecision(3))];
  });
  return Object.fromEntries(middle);
}
