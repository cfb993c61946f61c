/** Who asks, and what they may do: a cookie after sign-in, a verified proxy's word, or nobody but this machine. */
import { getConnInfo } from '@hono/node-server/conninfo';
import type { Context } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import type { HowVerified } from '../contract/decisions.ts';
import { HttpError } from './failures.ts';
import type { ConsoleOptions } from './options.ts';
import { TokenGuessLimit } from './token-guess-limit.ts';
import { createProxyIdentity, IAP } from './proxy-identity.ts';
import { allSessionsOf, oneSession, RecentRevocations, revocationsInMemory, type Revocations } from './revocations.ts';
import { same, SessionSigner, type Session } from './sessions.ts';
import { tokenOf, type Token } from './tokens.ts';
import type { Role, SessionInfo } from './wire.ts';
import { GRACES } from '../rules/durations.ts';

type IdentifiedContext = Context<{ Variables: { identity: Identity } }>;

export interface Identity {
  readonly user: string;
  readonly role: Role;
  /** What the CSRF token is bound to. */
  readonly key: string;
  readonly canSignOut: boolean;
  /** May end sessions of others; a console that is read-only for all is no exception. */
  readonly mayRevoke: boolean;
  /** What proves that it is `user`; null: nothing does; absent: whoever has this machine, and a key there, decides. */
  readonly vouched?: HowVerified | null;
}

const SESSION_MS = GRACES.sessionHours * 3_600_000;

export class Access {
  readonly #options: ConsoleOptions;
  readonly #proxy: ReturnType<typeof createProxyIdentity> | null;
  readonly #signer: SessionSigner;
  readonly #now: () => number;
  readonly #guesses = new TokenGuessLimit();
  readonly #revocations: RecentRevocations;

  constructor(options: ConsoleOptions, revocations: Revocations = revocationsInMemory(), now: () => number = Date.now) {
    this.#options = options;
    this.#proxy = options.proxy ? createProxyIdentity(options.proxy) : null;
    this.#signer = new SessionSigner(options.sessionKey ?? null);
    this.#revocations = new RecentRevocations(revocations, now);
    this.#now = now;
  }

  /** Whether there is a page where one signs in. */
  get signsIn(): boolean {
    return this.#options.tokens.length > 0;
  }

  /**
   * null: nobody known.
   * @throws HttpError 403 for somebody whom the proxy knows and who has no role here, 401 for one whose sessions were ended
   * @throws CannotConnectError whether they were cannot be said
   */
  async identify(context: IdentifiedContext): Promise<Identity | null> {
    const found = await this.#find(context);
    return found && this.#limited(found);
  }

  async #find(context: IdentifiedContext): Promise<Omit<Identity, 'mayRevoke'> | null> {
    const { proxy, tokens } = this.#options;
    const person = (await this.#proxy?.(context.req.header(proxy?.header ?? ''))) ?? null;
    if (person && person.role !== null && proxy) {
      if (await this.#wasRevoked(person)) throw new HttpError(401, 'Revoked', 'your sessions were ended; sign in again at the proxy');
      return {
        user: person.user,
        role: person.role,
        vouched: proxy.header === IAP.header ? 'iap' : 'oidc',
        key: `proxy:${person.user}`,
        canSignOut: false,
      };
    }
    const session = this.#session(context);
    const token = session && tokens.find(({ sha256 }) => same(session.token, this.#signer.sign('token', sha256)));
    if (session && token && !(await this.#isOver(session, token))) return identityOf(session, token);
    if (person?.role === null && !this.signsIn)
      throw new HttpError(403, 'NoRole', `${person.user} is in none of the groups that may look here; ask whoever runs this console`);
    // Without either way in, the console listens on loopback only (`checkSafe`), and whoever is on this machine may do what the CLI may.
    return proxy === null && tokens.length === 0 ? { user: 'console', role: 'operator', key: 'loopback', canSignOut: false } : null;
  }

  #limited(found: Omit<Identity, 'mayRevoke'>): Identity {
    return { ...found, role: this.#options.readOnly ? 'viewer' : found.role, mayRevoke: found.role === 'operator' };
  }

  async #isOver({ id, revocation }: Session, { user }: Token): Promise<boolean> {
    const [all, one] = await Promise.all([this.#revocations.last(allSessionsOf(user)), this.#revocations.last(oneSession(id))]);
    return one !== null || (all !== null && all.id !== revocation);
  }

  /** A token of a proxy knows of no revocation: it has the time when it was made, or none, and then it is as old as it may be. */
  async #wasRevoked({ names, since }: { readonly names: readonly string[]; readonly since: number | null }): Promise<boolean> {
    const last = await Promise.all(names.map((name) => this.#revocations.last(allSessionsOf(name))));
    return last.some((one) => one !== null && (since === null ? one.at > this.#now() - SESSION_MS : since <= one.at));
  }

  /** @throws HttpError 401 for an unknown token, 429 after too many of them. */
  async signIn(context: IdentifiedContext, given: string): Promise<Identity> {
    const now = this.#now();
    const address = addressOf(context);
    const mayTry = this.#guesses.allows(address, given, now);
    const token = mayTry ? tokenOf(this.#options.tokens, given) : null;
    if (!token) {
      if (!mayTry || this.#guesses.failed(address, given, now))
        throw new HttpError(429, 'TooManyFailures', 'too many wrong tokens; wait a minute and try again', GRACES.guessesMs / 1000);
      throw new HttpError(401, 'WrongToken', 'this token is not known here');
    }
    const revocation = (await this.#revocations.lastNow(allSessionsOf(token.user)))?.id ?? '';
    const { session, cookie } = this.#signer.seal(token, revocation, now + SESSION_MS);
    setCookie(context, this.#cookie, cookie, {
      httpOnly: true,
      sameSite: 'Strict',
      secure: this.#options.https,
      path: '/',
      maxAge: GRACES.sessionHours * 3600,
    });
    return this.#limited(identityOf(session, token));
  }

  #session(context: IdentifiedContext): Session | null {
    return this.#signer.open(getCookie(context, this.#cookie) ?? '', this.#now());
  }

  /**
   * Ends this session, or all that the person has anywhere.
   * @throws CannotConnectError the cookie is gone from this browser, and nobody else was told
   */
  async signOut(context: IdentifiedContext, { user }: Identity, everywhere: boolean): Promise<void> {
    deleteCookie(context, this.#cookie, { path: '/' });
    const session = this.#session(context);
    if (everywhere) await this.#revocations.revoke(allSessionsOf(user), user);
    else if (session) await this.#revocations.revoke(oneSession(session.id), user);
  }

  /** @throws HttpError 403 */
  async revoke(user: string, by: Identity): Promise<void> {
    if (!by.mayRevoke) throw new HttpError(403, 'NoOperator', `${by.user} is no operator, who alone may end sessions of others`);
    await this.#revocations.revoke(allSessionsOf(user), by.user);
  }

  describe(identity: Identity): SessionInfo {
    return { user: identity.user, role: identity.role, csrf: this.#csrfOf(identity), canSignOut: identity.canSignOut };
  }

  /** @throws HttpError 403 */
  checkCsrf(context: IdentifiedContext, identity: Identity): void {
    if (!same(context.req.header('x-csrf-token') ?? '', this.#csrfOf(identity)))
      throw new HttpError(403, 'Csrf', 'the request did not come from this page; load it again');
  }

  #csrfOf(identity: Identity): string {
    return this.#signer.sign('csrf', identity.key);
  }

  /** `__Host-` binds the cookie to this host and to https. */
  get #cookie(): string {
    return this.#options.https ? '__Host-longhaul' : 'longhaul';
  }
}

/** What the token gives now, not what it gave at sign-in. */
function identityOf({ id }: Session, { user, role, named }: Token): Omit<Identity, 'mayRevoke'> {
  return { user, role, vouched: named ? 'token' : null, key: `session:${id}`, canSignOut: true };
}

/** The connection's own: a header that names another one may be anybody's word. */
export const addressOf = (context: IdentifiedContext): string => getConnInfo(context).remote.address ?? '';
