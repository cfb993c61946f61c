/** Where a token becomes a session. */
import { useState } from 'preact/hooks';
import type { SessionInfo } from '../../wire.ts';
import { post, RequestError } from '../request.ts';
import { Button, Problem, useTitle } from '../ui.tsx';

export function SignInPage({ onSignedIn }: { readonly onSignedIn: (session: SessionInfo) => void }): preact.JSX.Element {
  useTitle('Sign in');
  const [token, setToken] = useState('');
  const [error, setError] = useState<RequestError | null>(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    try {
      onSignedIn(await post<SessionInfo>('/api/sign-in', { token: token.trim() }));
    } catch (failure) {
      if (failure instanceof RequestError) setError(failure);
    } finally {
      setBusy(false);
    }
  };
  return (
    <main class="sign-in" tabIndex={-1}>
      <section class="card" aria-label="Sign in">
        <h1>Longhaul</h1>
        <p class="note">This console is open to those who have a token. Whoever started it knows where the tokens are.</p>
        {error === null ? null : <Problem error={error} what="No entry:" />}
        <form onSubmit={(event) => void submit(event)}>
          <div class="field">
            <label for="token">Token</label>
            <input
              id="token"
              type="password"
              autocomplete="current-password"
              required
              value={token}
              onInput={(event) => setToken(event.currentTarget.value)}
            />
          </div>
          <Button kind="primary" type="submit" disabled={busy || token.trim() === ''}>
            {busy ? 'Signing in …' : 'Sign in'}
          </Button>
        </form>
      </section>
    </main>
  );
}
