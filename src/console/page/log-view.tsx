/** A Job's log as it is written. Lines are text, whatever they hold. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { api } from './request.ts';
import { Button } from './ui.tsx';
import { GRACES } from '../../rules/durations.ts';

interface Props {
  readonly run: string;
  readonly step: string;
  readonly trial?: number;
  readonly attempt?: number;
  /** What writes it has not ended: where there is no log, there soon will be. */
  readonly going: boolean;
}

const LINES_KEPT = 5000;

function wordsOf({ empty, ended, waiting }: { readonly empty: boolean; readonly ended: boolean; readonly waiting: boolean }): string {
  if (empty && waiting) return 'There is no log yet.';
  if (!ended) return 'Live';
  return empty ? 'There is no log.' : 'The log is complete.';
}

export function LogView({ run, step, trial, attempt, going }: Props): preact.JSX.Element {
  const [lines, setLines] = useState<readonly string[]>([]);
  const [state, setState] = useState<{ readonly ended: boolean; readonly problem: string | null }>({ ended: false, problem: null });
  const [follow, setFollow] = useState(true);
  const [looks, setLooks] = useState(0);
  const box = useRef<HTMLDivElement>(null);
  const none = state.ended && state.problem === null && lines.length === 0;

  useEffect(() => {
    setLines([]);
    setState({ ended: false, problem: null });
    const query = new URLSearchParams();
    if (trial !== undefined) query.set('trial', String(trial));
    if (attempt !== undefined) query.set('attempt', String(attempt));
    const source = new EventSource(`${api`/runs/${run}/steps/${step}/logs`}?${query.toString()}`);
    source.addEventListener('lines', (event: MessageEvent<string>) => {
      const fresh = JSON.parse(event.data) as string[];
      setLines((before) => [...before, ...fresh].slice(-LINES_KEPT));
    });
    const end = (problem: string | null): void => {
      // Otherwise the browser would begin again.
      source.close();
      setState({ ended: true, problem });
    };
    source.addEventListener('end', () => end(null));
    source.addEventListener('failed', (event: MessageEvent<string>) => end((JSON.parse(event.data) as { message: string }).message));
    source.onerror = () => end('the connection was lost');
    return () => source.close();
  }, [run, step, trial, attempt, looks]);

  useEffect(() => {
    if (!none || !going) return;
    const timer = setTimeout(() => setLooks((before) => before + 1), GRACES.pageLogAgainMs);
    return () => clearTimeout(timer);
  }, [none, going]);

  useEffect(() => {
    if (follow && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [lines, follow]);

  return (
    <div class="log">
      <div class="log-tools">
        <Button pressed={follow} onClick={() => setFollow(!follow)}>
          {follow ? 'Following' : 'Follow'}
        </Button>
        <span class="note" role="status">
          {state.problem ?? wordsOf({ empty: lines.length === 0, ended: state.ended, waiting: going && looks > 0 })}
        </span>
      </div>
      <div class="log-lines" ref={box} tabIndex={0} role="log" aria-live="off" aria-label="Log">
        <pre>{lines.join('\n')}</pre>
      </div>
    </div>
  );
}
