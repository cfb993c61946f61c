/** Who asks, and what they may do: a cookie after sign-in, a verified proxy's word, or nobody but this machine. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { getConnInfo } from '@hono/node-server/conninfo';
import type { Context } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import type { HowVerified } from '../contract/decisions.ts';
import { HttpError } from './failures.ts';
import type { ConsoleOptions } from './options.ts';
import { createProxyIdentity, IAP } from './proxy-identity.ts';
import { tokenOf } from './tokens.ts';
import type { Role, SessionInfo } from './wire.ts';
import { GRACES } from '../rules/durations.ts';

type IdentifiedContext = Context<{ Variables: { identity: Identity } }>;

export interface Identity {
  readonly user: string;
  readonly role: Role;
  /** What the CSRF token is bound to. */
  readonly key: string;
  readonly canSignOut: boolean;
  /** What proves that it is `user`; null: nothing does; absent: whoever has this machine, and a key there, decides. */
  readonly vouched?: HowVerified | null;
}

interface Session {
  readonly user: string;
  readonly role: Role;
  readonly vouched: HowVerified | null;
  readonly endsAt: number;
}

const SESSION_MS = GRACES.sessionHours * 3_600_000;
const MAX_SESSIONS = 10_000;
/** Of one address. A token that is known always enters: whoever guesses beside others, behind one proxy too, locks none of them out. */
const FAILURES_PER_MINUTE = 30;
const MAX_ADDRESSES = 10_000;

export class Access {
  readonly #options: ConsoleOptions;
  readonly #proxy: ReturnType<typeof createProxyIdentity> | null;
  readonly #sessions = new Map<string, Session>();
  readonly #secret = randomBytes(32);
  readonly #now: () => number;
  /** When wrong tokens came, by address. */
  readonly #failures = new Map<string, readonly number[]>();

  constructor(options: ConsoleOptions, now: () => number = Date.now) {
    this.#options = options;
    this.#proxy = options.proxy ? createProxyIdentity(options.proxy) : null;
    this.#now = now;
  }

  /** Whether there is a page where one signs in. */
  get signsIn(): boolean {
    return this.#options.tokens.length > 0;
  }

  /**
   * null: nobody known.
   * @throws HttpError 403 for somebody whom the proxy knows and who has no role here
   */
  async identify(context: IdentifiedContext): Promise<Identity | null> {
    const found = await this.#find(context);
    return found && this.#options.readOnly ? { ...found, role: 'viewer' } : found;
  }

  async #find(context: IdentifiedContext): Promise<Identity | null> {
    const { proxy, tokens } = this.#options;
    const person = (await this.#proxy?.(context.req.header(proxy?.header ?? ''))) ?? null;
    if (person && person.role !== null && proxy)
      return {
        user: person.user,
        role: person.role,
        vouched: proxy.header === IAP.header ? 'iap' : 'oidc',
        key: `proxy:${person.user}`,
        canSignOut: false,
      };
    const id = getCookie(context, this.#cookie);
    const session = id === undefined ? undefined : this.#sessions.get(id);
    if (id !== undefined && session && session.endsAt > this.#now()) return { ...session, key: `session:${id}`, canSignOut: true };
    if (person?.role === null && !this.signsIn)
      throw new HttpError(403, 'NoRole', `${person.user} is in none of the groups that may look here; ask whoever runs this console`);
    // Without either way in, the console listens on loopback only (`checkSafe`), and whoever is on this machine may do what the CLI may.
    return proxy === null && tokens.length === 0 ? { user: 'console', role: 'operator', key: 'loopback', canSignOut: false } : null;
  }

  /** @throws HttpError 401 for an unknown token, 429 after too many of them from one address. */
  signIn(context: IdentifiedContext, token: string): Identity {
    const now = this.#now();
    const known = tokenOf(this.#options.tokens, token);
    if (!known) throw this.#refusal(addressOf(context), now);
    const id = randomBytes(32).toString('base64url');
    this.#forgetEnded(now);
    const { user, role } = known;
    const vouched = known.named ? 'token' : null;
    this.#sessions.set(id, { user, role, vouched, endsAt: now + SESSION_MS });
    setCookie(context, this.#cookie, id, {
      httpOnly: true,
      sameSite: 'Strict',
      secure: this.#options.https,
      path: '/',
      maxAge: GRACES.sessionHours * 3600,
    });
    return { user, role, vouched, key: `session:${id}`, canSignOut: true };
  }

  #refusal(address: string, now: number): HttpError {
    const lately = (this.#failures.get(address) ?? []).filter((at) => at > now - 60_000);
    if (lately.length >= FAILURES_PER_MINUTE)
      return new HttpError(429, 'TooManyFailures', 'too many wrong tokens; wait a minute and try again');
    this.#failures.delete(address);
    this.#failures.set(address, [...lately, now]);
    const oldest = this.#failures.keys().next().value;
    if (this.#failures.size > MAX_ADDRESSES && oldest !== undefined) this.#failures.delete(oldest);
    return new HttpError(401, 'WrongToken', 'this token is not known here');
  }

  signOut(context: IdentifiedContext): void {
    this.#sessions.delete(getCookie(context, this.#cookie) ?? '');
    deleteCookie(context, this.#cookie, { path: '/' });
  }

  describe(identity: Identity): SessionInfo {
    return { user: identity.user, role: identity.role, csrf: this.#csrfOf(identity), canSignOut: identity.canSignOut };
  }

  /** @throws HttpError 403 */
  checkCsrf(context: IdentifiedContext, identity: Identity): void {
    const given = Buffer.from(context.req.header('x-csrf-token') ?? '');
    const wanted = Buffer.from(this.#csrfOf(identity));
    if (given.length !== wanted.length || !timingSafeEqual(given, wanted))
      throw new HttpError(403, 'Csrf', 'the request did not come from this page; load it again');
  }

  #csrfOf(identity: Identity): string {
    return createHmac('sha256', this.#secret).update(identity.key).digest('base64url');
  }

  /** `__Host-` binds the cookie to this host and to https. */
  get #cookie(): string {
    return this.#options.https ? '__Host-longhaul' : 'longhaul';
  }

  #forgetEnded(now: number): void {
    for (const [id, session] of this.#sessions) if (session.endsAt <= now || this.#sessions.size >= MAX_SESSIONS) this.#sessions.delete(id);
  }
}

/** The connection's own: a header that names another one may be anybody's word. */
const addressOf = (context: IdentifiedContext): string => getConnInfo(context).remote.address ?? '';
