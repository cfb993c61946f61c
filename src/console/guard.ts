/** What every answer carries and every request must satisfy, whoever asks. */
import type { MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { HttpError } from './failures.ts';
import { isLoopback, type ConsoleOptions } from './options.ts';

/** Nothing inline, nothing from elsewhere, in no frame. */
const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; manifest-src 'self'; " +
  "base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/** A report is a file of its own, scripts and all: it gets an origin of its own too, from which it can reach nothing. */
export const REPORT_POLICY =
  "sandbox allow-scripts allow-popups allow-downloads; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; " +
  "font-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export const securityHeaders: MiddlewareHandler = async (context, next) => {
  await next();
  const { headers } = context.res;
  if (!headers.has('content-security-policy')) headers.set('content-security-policy', PAGE_POLICY);
  headers.set('x-content-type-options', 'nosniff');
  headers.set('referrer-policy', 'no-referrer');
  headers.set('cross-origin-opener-policy', 'same-origin');
  headers.set('cross-origin-resource-policy', 'same-origin');
  headers.set('permissions-policy', 'camera=(), geolocation=(), microphone=(), payment=()');
};

const LARGEST_BODY_BYTES = 256 * 1024;

/** Before anybody is asked who they are: a stranger's megabytes are not kept in memory. */
export const boundedBodies: MiddlewareHandler = bodyLimit({
  maxSize: LARGEST_BODY_BYTES,
  onError: () => {
    throw new HttpError(413, 'TooLarge', `a request may hold ${LARGEST_BODY_BYTES} bytes`);
  },
});

/**
 * A page of a stranger can make a browser resolve its own name to 127.0.0.1 and then read what listens there (DNS rebinding): only
 * names that are ours are answered.
 */
export function onlyOurHosts({ host, hostNames }: Pick<ConsoleOptions, 'host' | 'hostNames'>): MiddlewareHandler {
  const known = new Set([host, ...hostNames].map((name) => name.toLowerCase()));
  const any = !isLoopback(host) && hostNames.length === 0;
  return async (context, next) => {
    const name = hostNameOf(context.req.header('host') ?? '');
    if (!any && !isLoopback(name) && !known.has(name)) {
      const hint = isLoopback(host) ? 'open it by 127.0.0.1' : 'name it with --host-name';
      throw new HttpError(421, 'UnknownHost', `the console does not answer to “${name}”; ${hint}`);
    }
    await next();
  };
}

/** POSTs come from our own pages only; browsers say where from. The CSRF token is checked besides. */
export function onlySameOrigin({ hostNames }: Pick<ConsoleOptions, 'hostNames'>): MiddlewareHandler {
  const known = new Set(hostNames.map((name) => name.toLowerCase()));
  return async (context, next) => {
    if (context.req.method !== 'GET' && context.req.method !== 'HEAD') {
      const site = context.req.header('sec-fetch-site');
      const origin = context.req.header('origin');
      const url = origin !== undefined && URL.canParse(origin) ? new URL(origin) : null;
      // Behind a proxy the Host header may be another one than the browser's.
      const foreign = origin !== undefined && url?.host !== context.req.header('host') && !known.has(url?.hostname ?? '');
      if (foreign || (site !== undefined && site !== 'same-origin'))
        throw new HttpError(403, 'Csrf', 'requests from other sites are refused');
    }
    await next();
  };
}

const hostNameOf = (header: string): string =>
  header
    .toLowerCase()
    .replace(/:\d+$/, '')
    .replace(/^\[|\]$/g, '');
