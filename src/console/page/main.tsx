/** The page: who is here, which page is meant, and the frame around it. */
import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { SessionInfo } from '../wire.ts';
import './styles/index.css';
import { Dialog, dialogs } from './dialog.tsx';
import { ComparePage } from './pages/compare.tsx';
import { ConfigPage } from './pages/config.tsx';
import { CostPage } from './pages/cost.tsx';
import { LogsPage } from './pages/logs.tsx';
import { ChecksPage } from './pages/checks.tsx';
import { OverviewPage } from './pages/overview.tsx';
import { ModelsPage } from './pages/models.tsx';
import { RunPage } from './pages/run.tsx';
import { RunsPage } from './pages/runs.tsx';
import { SearchPage } from './pages/search.tsx';
import { SignInPage } from './pages/sign-in.tsx';
import { TrialPage } from './pages/trial.tsx';
import { get, post, rememberSession, RequestError } from './request.ts';
import { addressOf, Link, router, type Route } from './router.tsx';
import { RunFrame } from './run-frame.tsx';
import { useStore } from './store.ts';
import { theme } from './theme.ts';
import { Button, Empty, Loading, Problem } from './ui.tsx';

function App(): preact.JSX.Element {
  const [session, setSession] = useState<SessionInfo | null>(null);
  const [error, setError] = useState<RequestError | null>(null);
  const { route } = useStore(router);
  const { question } = useStore(dialogs);
  const enter = (info: SessionInfo): void => {
    rememberSession(info);
    setSession(info);
    setError(null);
  };
  const ask = (): void => {
    get<SessionInfo>('/api/session').then(enter, (failure: unknown) => {
      if (failure instanceof RequestError) setError(failure);
    });
  };
  useEffect(() => {
    ask();
    const signedOut = (): void => {
      rememberSession(null);
      setSession(null);
      ask();
    };
    window.addEventListener('signed-out', signedOut);
    return () => window.removeEventListener('signed-out', signedOut);
  }, []);

  if (!session) {
    if (error?.status === 401 && error.type === 'SignIn') return <SignInPage onSignedIn={enter} />;
    return (
      <main class="content" tabIndex={-1}>
        {error === null ? <Loading what="the console" /> : <Problem error={error} what="The console cannot start:" />}
        {error === null ? null : <Button onClick={ask}>Try again</Button>}
      </main>
    );
  }
  return (
    <>
      <a class="skip" href="#content">
        Skip to the content
      </a>
      <Header session={session} route={route} />
      <main class="content" id="content" tabIndex={-1}>
        <Page route={route} />
      </main>
      {question === null ? null : <Dialog key={`${question.control}/${question.title}`} question={question} />}
    </>
  );
}

function Page({ route }: { readonly route: Route }): preact.JSX.Element {
  switch (route.page) {
    case 'runs':
      return <RunsPage />;
    case 'overview':
      return <OverviewPage />;
    case 'compare':
      return <ComparePage runs={route.runs} />;
    case 'nowhere':
      return (
        <Empty whole title="There is no such page">
          <p>
            <Link to={addressOf.runs()}>All runs</Link>
          </p>
        </Empty>
      );
    default:
      return (
        <RunFrame route={route} key={route.run}>
          {(view, store, now) => {
            switch (route.page) {
              case 'run':
                return <RunPage view={view} now={now} />;
              case 'search':
                return <SearchPage key={route.step} view={view} store={store} step={route.step} now={now} />;
              case 'trial':
                return (
                  <TrialPage
                    key={`${route.step}/${route.trial}`}
                    view={view}
                    store={store}
                    step={route.step}
                    trial={route.trial}
                    now={now}
                  />
                );
              case 'logs':
                return <LogsPage view={view} step={route.step} />;
              case 'cost':
                return <CostPage view={view} now={now} />;
              case 'models':
                return <ModelsPage view={view} store={store} now={now} />;
              case 'checks':
                return <ChecksPage store={store} />;
              default:
                return <ConfigPage view={view} />;
            }
          }}
        </RunFrame>
      );
  }
}

const THEMES = { system: 'as the system', light: 'light', dark: 'dark' } as const;

function Header({ session, route }: { readonly session: SessionInfo; readonly route: Route }): preact.JSX.Element {
  const { choice } = useStore(theme);
  const signOut = async (everywhere: boolean): Promise<void> => {
    await post('/api/sign-out', { everywhere });
    window.dispatchEvent(new Event('signed-out'));
  };
  return (
    <header class="top">
      <Link to={addressOf.runs()} class="brand">
        <Logo />
        Longhaul
      </Link>
      <nav aria-label="Main">
        <Link to={addressOf.runs()} current={route.page === 'runs'}>
          Runs
        </Link>
        <Link to={addressOf.overview()} current={route.page === 'overview'}>
          Overview
        </Link>
      </nav>
      <div class="top-right">
        {session.role === 'viewer' ? <span class="badge quiet">read only</span> : null}
        {session.canSignOut ? <span class="note">{session.user}</span> : null}
        <Button
          kind="quiet"
          onClick={() => theme.toggle()}
          label={`Colours: ${THEMES[choice]}; change`}
          title={`Colours: ${THEMES[choice]}`}
        >
          {choice === 'system' ? '◐' : choice === 'light' ? '☀' : '☾'}
        </Button>
        {session.canSignOut ? (
          <>
            <Button kind="quiet" onClick={() => void signOut(false)}>
              Sign out
            </Button>
            <Button kind="quiet" onClick={() => void signOut(true)} title="Of yours, in every browser">
              End all sessions
            </Button>
          </>
        ) : null}
      </div>
    </header>
  );
}

const Logo = (): preact.JSX.Element => (
  <svg viewBox="0 0 32 32" width="24" height="24" aria-hidden="true">
    <rect width="32" height="32" rx="8" fill="#0072b2" />
    <path d="M7 21c4-1 5-10 9-10s5 8 9 3" fill="none" stroke="#fff" stroke-width="3" stroke-linecap="round" />
    <circle cx="7" cy="21" r="2.4" fill="#fff" />
    <circle cx="25" cy="14" r="2.4" fill="#fff" />
  </svg>
);

const root = document.getElementById('page');
if (root) {
  root.replaceChildren();
  render(<App />, root);
}
