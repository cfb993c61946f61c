/** Addresses of pages. */
import type { ComponentChildren } from 'preact';
import { Store } from './store.ts';

export type Route =
  | { readonly page: 'runs' | 'overview' }
  | { readonly page: 'compare'; readonly runs: readonly string[] }
  | { readonly page: 'run' | 'cost' | 'models' | 'checks' | 'config'; readonly run: string }
  | { readonly page: 'search' | 'logs'; readonly run: string; readonly step: string }
  | { readonly page: 'trial'; readonly run: string; readonly step: string; readonly trial: number }
  | { readonly page: 'nowhere' };

function parseRoute(url: URL): Route {
  const [first, run, section, step, below, trial] = url.pathname.split('/').filter(Boolean).map(decoded);
  if (first === undefined) return { page: 'runs' };
  if (first === 'overview' && run === undefined) return { page: 'overview' };
  if (first === 'compare') return { page: 'compare', runs: url.searchParams.getAll('run') };
  if (first !== 'runs' || run === undefined) return { page: 'nowhere' };
  if (section === undefined) return { page: 'run', run };
  if (section === 'cost' || section === 'models' || section === 'checks' || section === 'config') return { page: section, run };
  if (step === undefined) return { page: 'nowhere' };
  if (section === 'logs') return { page: 'logs', run, step };
  if (section !== 'search') return { page: 'nowhere' };
  if (below === undefined) return { page: 'search', run, step };
  return below === 'trial' && /^\d+$/.test(trial ?? '') ? { page: 'trial', run, step, trial: Number(trial) } : { page: 'nowhere' };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

const path = (...parts: readonly (string | number)[]): string => `/${parts.map((part) => encodeURIComponent(part)).join('/')}`;

export const addressOf = {
  runs: (): string => '/',
  overview: (): string => '/overview',
  compare: (runs: readonly string[]): string => `/compare?${runs.map((run) => `run=${encodeURIComponent(run)}`).join('&')}`,
  run: (run: string): string => path('runs', run),
  section: (run: string, section: 'cost' | 'models' | 'checks' | 'config'): string => path('runs', run, section),
  search: (run: string, step: string): string => path('runs', run, 'search', step),
  trial: (run: string, step: string, trial: number): string => path('runs', run, 'search', step, 'trial', trial),
  logs: (run: string, step: string): string => path('runs', run, 'logs', step),
  report: (run: string): string => `/api${path('runs', run, 'report')}`,
};

class Router extends Store {
  route = parseRoute(new URL(window.location.href));

  constructor() {
    super();
    window.addEventListener('popstate', () => this.#moved());
  }

  go(address: string): void {
    window.history.pushState(null, '', address);
    this.#moved();
    window.scrollTo(0, 0);
    // Those who cannot see the new page hear of it.
    document.querySelector<HTMLElement>('main')?.focus();
  }

  #moved(): void {
    this.route = parseRoute(new URL(window.location.href));
    this.changed();
  }
}

export const router = new Router();

interface LinkProps {
  readonly to: string;
  readonly class?: string;
  readonly current?: boolean;
  readonly children: ComponentChildren;
}

/** A link within the page. */
export function Link({ to, current, children, class: className }: LinkProps): preact.JSX.Element {
  const follow = (event: MouseEvent): void => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    router.go(to);
  };
  return (
    <a href={to} class={className} aria-current={current ? 'page' : undefined} onClick={follow}>
      {children}
    </a>
  );
}
