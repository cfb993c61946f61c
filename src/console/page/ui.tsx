/** Small parts that every page is made of. */
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { AttemptVerdict } from '../../contract/jobs.ts';
import type { RunStatus, StepStatus, TrialStatus } from '../../contract/state.ts';
import type { RequestError } from './request.ts';
import { GRACES } from '../../rules/durations.ts';

type Element = preact.JSX.Element;
type Tone = 'good' | 'bad' | 'warn' | 'active' | 'quiet';

const TONES: Readonly<Record<RunStatus | StepStatus | TrialStatus | AttemptVerdict, readonly [mark: string, tone: Tone]>> = {
  pending: ['·', 'quiet'],
  queued: ['·', 'quiet'],
  waiting: ['◌', 'warn'],
  paused: ['‖', 'warn'],
  running: ['●', 'active'],
  succeeded: ['✔', 'good'],
  cached: ['⟲', 'good'],
  stopped: ['■', 'warn'],
  skipped: ['○', 'quiet'],
  failed: ['✘', 'bad'],
  cancelled: ['✘', 'warn'],
  blocked: ['⊘', 'bad'],
  preempted: ['⚡', 'warn'],
  deleted: ['✘', 'warn'],
  'no-capacity': ['◌', 'warn'],
  'out-of-memory': ['✘', 'bad'],
  'bad-input': ['✘', 'bad'],
  fenced: ['⊘', 'quiet'],
  silent: ['✘', 'bad'],
  crashed: ['✘', 'bad'],
};

/** A status by mark, word and colour. What is not known is shown as it is. */
export function Badge({ status }: { readonly status: string }): Element {
  const [mark, tone] = Object.hasOwn(TONES, status) ? TONES[status as keyof typeof TONES] : (['·', 'quiet'] as const);
  return (
    <span class={`badge ${tone}`}>
      <span class="mark" aria-hidden="true">
        {mark}
      </span>
      {status}
    </span>
  );
}

interface CardProps {
  readonly title: string;
  readonly actions?: ComponentChildren;
  readonly note?: ComponentChildren;
  readonly class?: string;
  readonly children: ComponentChildren;
}

export function Card({ title, actions, note, class: className = '', children }: CardProps): Element {
  return (
    <section class={`card ${className}`}>
      <header>
        <h2>{title}</h2>
        {actions === undefined ? null : <div class="actions">{actions}</div>}
      </header>
      {note === undefined ? null : <p class="note">{note}</p>}
      {children}
    </section>
  );
}

/** One figure that matters. */
export function Figure({
  name,
  value,
  note,
}: {
  readonly name: string;
  readonly value: ComponentChildren;
  readonly note?: string;
}): Element {
  return (
    <div class="figure">
      <dt>{name}</dt>
      <dd>
        <strong>{value}</strong>
        {note === undefined ? null : <small>{note}</small>}
      </dd>
    </div>
  );
}

export const Figures = ({ children }: { readonly children: ComponentChildren }): Element => <dl class="figures">{children}</dl>;

/** Names and values. */
export function Facts({ facts }: { readonly facts: readonly (readonly [string, ComponentChildren])[] }): Element {
  return (
    <dl class="facts-list">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

interface EmptyProps {
  readonly title: string;
  /** Nothing else is on the page. */
  readonly whole?: boolean;
  readonly children?: ComponentChildren;
}

/** What is not there yet, and what brings it. */
export function Empty({ title, whole = false, children }: EmptyProps): Element {
  return (
    <div class="empty">
      {whole ? <h1>{title}</h1> : <p class="empty-title">{title}</p>}
      {children}
    </div>
  );
}

export function Loading({ what }: { readonly what: string }): Element {
  return (
    <div class="loading" role="status">
      <span class="sr-only">Loading {what} …</span>
      <div class="skeleton wide" aria-hidden="true" />
      <div class="skeleton" aria-hidden="true" />
      <div class="skeleton short" aria-hidden="true" />
    </div>
  );
}

export function Problem({ error, what }: { readonly error: RequestError; readonly what: string }): Element {
  return (
    <div class="notice bad" role="alert">
      <p>
        <strong>{what}</strong> {error.message}
      </p>
      {error.advice === null ? null : <p class="note">{error.advice}</p>}
    </div>
  );
}

interface ButtonProps {
  readonly onClick?: () => void;
  readonly kind?: 'primary' | 'danger' | 'plain' | 'quiet';
  readonly type?: 'button' | 'submit';
  readonly disabled?: boolean;
  readonly title?: string;
  readonly pressed?: boolean;
  readonly label?: string;
  readonly children: ComponentChildren;
}

export function Button({
  onClick,
  kind = 'plain',
  type = 'button',
  disabled = false,
  title,
  pressed,
  label,
  children,
}: ButtonProps): Element {
  return (
    <button
      type={type}
      class={`button ${kind}`}
      onClick={onClick}
      disabled={disabled}
      title={title}
      aria-pressed={pressed}
      aria-label={label}
    >
      {children}
    </button>
  );
}

export function Copy({ text, what }: { readonly text: string; readonly what: string }): Element {
  const [copied, setCopied] = useState(false);
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), GRACES.pageCopiedMs);
  };
  return (
    <button type="button" class="copy" onClick={() => void copy()} aria-label={`Copy ${what}`} title={`Copy ${what}`}>
      {copied ? '✔ copied' : 'copy'}
    </button>
  );
}

/** ms since 1970, again every second while `running`. */
export function useNow(running: boolean): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    if (!running) return;
    const timer = setInterval(() => setNow(Date.now()), GRACES.pageClockMs);
    return () => clearInterval(timer);
  }, [running]);
  return now;
}

export const External = ({ href, children }: { readonly href: string; readonly children: ComponentChildren }): Element => (
  <a class="external" href={href} target="_blank" rel="noopener noreferrer">
    {children}
    <span aria-hidden="true"> ↗</span>
    <span class="sr-only"> (opens in a new tab)</span>
  </a>
);

export function useTitle(...parts: readonly string[]): void {
  const title = [...parts, 'Longhaul'].join(' · ');
  useEffect(() => {
    document.title = title;
  }, [title]);
}
