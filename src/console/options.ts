/** How a console is reached and by whom. */
import { isIP } from 'node:net';
import type { ProxyIdentityOptions } from './proxy-identity.ts';
import type { Token } from './tokens.ts';

export interface ConsoleOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Nobody may press a button. */
  readonly readOnly: boolean;
  /** Who may sign in by token; empty: no sign-in. */
  readonly tokens: readonly Token[];
  /** What replicas sign sessions with, so that each knows those of all; absent: this console is alone. */
  readonly sessionKey?: string | null;
  /** A proxy that signs who the person is (IAP, OIDC); null: none. */
  readonly proxy: ProxyIdentityOptions | null;
  /** Host names under which the console is reached, besides the address that it listens on. */
  readonly hostNames: readonly string[];
  /** The page is reached by https (a proxy ends TLS): cookies are marked Secure. */
  readonly https: boolean;
}

/** Thrown when a console would be open to strangers. */
export class UnsafeConsoleError extends Error {
  constructor(host: string) {
    super(
      `--host ${host} is reachable from other machines: say who may enter, by --token-file, or --iap or --jwks with --audience; or leave --host out`,
    );
    this.name = 'UnsafeConsoleError';
  }
}

/** @throws UnsafeConsoleError */
export function checkSafe({ host, tokens, proxy }: ConsoleOptions): void {
  if (!isLoopback(host) && tokens.length === 0 && proxy === null) throw new UnsafeConsoleError(host);
}

export function isLoopback(host: string): boolean {
  const name = host.replace(/^\[|\]$/g, '').toLowerCase();
  return name === 'localhost' || name === '::1' || (isIP(name) === 4 && name.startsWith('127.'));
}
