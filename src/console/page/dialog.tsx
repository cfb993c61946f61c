/** Asks before a button does something, then shows what was done or why it was refused. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { UpdateAnswer } from '../../contract/search-updates.ts';
import { api, post, RequestError } from './request.ts';
import { Store } from './store.ts';
import { Button } from './ui.tsx';

export interface Field {
  readonly name: string;
  readonly label: string;
  readonly kind: 'number' | 'text' | 'json' | 'choice';
  readonly value?: string;
  readonly hint?: string;
  readonly required?: boolean;
  readonly choices?: readonly string[];
}

export interface Question {
  readonly title: string;
  readonly text: ComponentChildren;
  readonly run: string;
  readonly control: string;
  readonly confirm: string;
  readonly danger?: boolean;
  readonly fields?: readonly Field[];
  /** Goes along with what the fields say. */
  readonly payload?: Readonly<Record<string, unknown>>;
  /** Makes the payload of the fields' texts; throws an `Error` with words for the person. */
  readonly read?: (values: Readonly<Record<string, string>>) => Readonly<Record<string, unknown>>;
}

class Dialogs extends Store {
  question: Question | null = null;

  ask(question: Question): void {
    this.question = question;
    this.changed();
  }

  close(): void {
    this.question = null;
    this.changed();
  }
}

export const dialogs = new Dialogs();

interface Outcome {
  readonly done: boolean;
  readonly text: string;
}

export function Dialog({ question }: { readonly question: Question }): preact.JSX.Element {
  const element = useRef<HTMLDialogElement>(null);
  const [values, setValues] = useState<Readonly<Record<string, string>>>(initial(question.fields ?? []));
  const [busy, setBusy] = useState(false);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  useEffect(() => {
    element.current?.showModal();
  }, []);

  const send = async (): Promise<void> => {
    setBusy(true);
    setOutcome(null);
    try {
      const { why, ...rest } = values;
      const fields = question.read ? question.read(rest) : rest;
      const reason = why === undefined || why.trim() === '' ? {} : { why: why.trim() };
      const body = { ...question.payload, ...fields, ...reason };
      const answer = await post<UpdateAnswer>(api`/runs/${question.run}/controls/${question.control}`, body);
      setOutcome({ done: true, text: answer.text });
    } catch (error) {
      setOutcome({ done: false, text: wordsOf(error) });
    } finally {
      setBusy(false);
    }
  };
  const submit = (event: Event): void => {
    event.preventDefault();
    if (outcome?.done) dialogs.close();
    else void send();
  };

  return (
    <dialog ref={element} onClose={() => dialogs.close()} aria-labelledby="dialog-title">
      <form onSubmit={submit}>
        <h2 id="dialog-title">{question.title}</h2>
        {outcome?.done ? null : (
          <>
            <div class="dialog-text">{question.text}</div>
            {[...(question.fields ?? []), WHY].map((field) => (
              <FieldInput
                key={field.name}
                field={field}
                value={values[field.name] ?? ''}
                onInput={(text) => setValues({ ...values, [field.name]: text })}
              />
            ))}
          </>
        )}
        <div role="status" aria-live="polite">
          {outcome === null ? null : (
            <p class={`notice ${outcome.done ? 'good' : 'bad'}`}>
              <strong>{outcome.done ? 'Done:' : 'Refused:'}</strong> {outcome.text}
            </p>
          )}
        </div>
        <div class="dialog-buttons">
          {outcome?.done ? (
            <Button kind="primary" type="submit">
              Close
            </Button>
          ) : (
            <>
              <Button onClick={() => element.current?.close()}>Keep as it is</Button>
              <Button kind={question.danger ? 'danger' : 'primary'} type="submit" disabled={busy}>
                {busy ? 'Sending …' : question.confirm}
              </Button>
            </>
          )}
        </div>
      </form>
    </dialog>
  );
}

const WHY: Field = { name: 'why', label: 'Why', kind: 'text', hint: 'Optional. Kept with the decision.' };

function FieldInput({
  field,
  value,
  onInput,
}: {
  readonly field: Field;
  readonly value: string;
  readonly onInput: (text: string) => void;
}): preact.JSX.Element {
  const id = `field-${field.name}`;
  const hint = field.hint === undefined ? undefined : `${id}-hint`;
  const common = { id, value, required: field.required, 'aria-describedby': hint };
  const input = (event: Event): void => onInput((event.target as HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement).value);
  return (
    <div class="field">
      <label for={id}>{field.label}</label>
      {field.kind === 'json' ? (
        <textarea {...common} onInput={input} rows={Math.min(14, value.split('\n').length + 1)} spellcheck={false} />
      ) : field.kind === 'choice' ? (
        <select {...common} onChange={input}>
          {(field.choices ?? []).map((choice) => (
            <option key={choice} value={choice}>
              {choice}
            </option>
          ))}
        </select>
      ) : field.kind === 'number' ? (
        <input {...common} onInput={input} type="number" step="any" />
      ) : (
        <input {...common} onInput={input} type="text" autocomplete="off" />
      )}
      {field.hint === undefined ? null : (
        <small id={hint} class="note">
          {field.hint}
        </small>
      )}
    </div>
  );
}

const initial = (fields: readonly Field[]): Record<string, string> =>
  Object.fromEntries(fields.map((field) => [field.name, field.value ?? '']));

function wordsOf(error: unknown): string {
  if (error instanceof RequestError) return error.advice === null ? error.message : `${error.message} (${error.advice})`;
  return error instanceof Error ? error.message : String(error);
}
