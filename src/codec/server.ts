/**
 * Temporal's remote codec protocol over HTTP (https://docs.temporal.io/production-deployment/data-encryption): the web UI and the CLI post
 * payloads to `…/decode` and `…/encode`. Whoever may ask may read everything, hence a token: one of the server's own, or one of an OIDC
 * provider, which the UI passes on (`TEMPORAL_CODEC_PASS_ACCESS_TOKEN`).
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { serve } from '@hono/node-server';
import type { Payload, PayloadCodec } from '@temporalio/common';
import proto from '@temporalio/proto';
import { Hono, type Context, type MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { cors } from 'hono/cors';
import { GRACES } from '../rules/durations.ts';
import { DecryptionError } from './encryption.ts';
import { ProviderAwayError, type createOidcCheck } from './oidc.ts';

const MAX_BODY_BYTES = 32 * 1024 * 1024;

interface CodecServerOptions {
  readonly codec: PayloadCodec;
  /** Sent as `Authorization: Bearer TOKEN`; null: none, `oidc` tells alone. */
  readonly token: string | null;
  /** Whether somebody's token lets them read; absent: only `token` does. */
  readonly oidc?: ReturnType<typeof createOidcCheck>;
  /** Origins of the web UIs that may ask from a browser, e.g. `https://temporal.example.com`. */
  readonly origins: readonly string[];
}

interface JsonPayload {
  metadata?: Record<string, string>;
  data?: string;
}

/** What the UI sends; others of its headers may come with any version of it, and name nobody. */
const UI_HEADERS = ['Authorization', 'Authorization-Extras', 'Caller-Type', 'Content-Type', 'X-CSRF-Token', 'X-Namespace'];

export function createCodecApp({ codec, token, oidc, origins }: CodecServerOptions): Hono {
  const app = new Hono();
  app.use(privateNetwork(origins));
  // With credentials (TEMPORAL_CODEC_INCLUDE_CREDENTIALS) for a proxy's cookie; hence named origins only.
  app.use(
    cors({ origin: [...origins], allowMethods: ['POST'], allowHeaders: UI_HEADERS, credentials: true, maxAge: GRACES.preflightSeconds }),
  );
  app.get('/healthz', (context) => context.text('ok'));
  // First, so that nothing of a stranger's body is kept in memory.
  app.use(onlyReaders(token, oidc));
  app.use(bodyLimit({ maxSize: MAX_BODY_BYTES }));
  for (const way of ['encode', 'decode'] as const) {
    const answer = async (context: Context): Promise<Response> => {
      const given = payloadsIn(await context.req.json().catch(() => null));
      if (given === null) return context.json({ message: 'expected {"payloads": [{"metadata": {NAME: BASE64}, "data": BASE64}, …]}' }, 400);
      try {
        return context.json({ payloads: (await codec[way](given)).map(toJson) });
      } catch (error) {
        if (error instanceof DecryptionError) return context.json({ message: error.message }, 400);
        throw error;
      }
    };
    // The protocol looks at the end of the path only: servers are mounted at any depth.
    app.post(`/${way}`, answer);
    app.post(`/:above{.+}/${way}`, answer);
  }
  return app;
}

/** Chrome asks before a page of the internet reaches a server on a private network, e.g. on 127.0.0.1. */
const privateNetwork =
  (origins: readonly string[]): MiddlewareHandler =>
  async (context, next) => {
    await next();
    if (context.req.header('Access-Control-Request-Private-Network') === 'true' && origins.includes(context.req.header('Origin') ?? ''))
      context.res.headers.set('Access-Control-Allow-Private-Network', 'true');
  };

function onlyReaders(token: string | null, oidc: CodecServerOptions['oidc']): MiddlewareHandler {
  const expected = token === null ? null : digest(token);
  return async (context, next) => {
    const bearer = /^Bearer +(\S+)$/i.exec(context.req.header('Authorization') ?? '')?.[1];
    if (bearer !== undefined && expected !== null && timingSafeEqual(digest(bearer), expected)) return next();
    // Access tokens of some providers only they themselves can read; the UI sends the ID token too.
    const given = [bearer, context.req.header('Authorization-Extras')].filter((one) => one !== undefined && one !== '');
    let found: readonly string[];
    try {
      found = oidc === undefined ? [] : await Promise.all(given.map((one) => oidc(one ?? '')));
    } catch (error) {
      if (error instanceof ProviderAwayError) return context.json({ message: error.message }, 503);
      throw error;
    }
    if (found.includes('reader')) return next();
    if (found.includes('stranger')) return context.json({ message: 'whoever this token is of may not read payloads here' }, 403);
    context.header('WWW-Authenticate', 'Bearer');
    return context.json({ message: 'a token is needed' }, 401);
  };
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** null: something else. A library that is given another form takes an object with a `length` for as many bytes. */
function payloadsIn(body: unknown): Payload[] | null {
  const { payloads } = isRecord(body) ? body : {};
  if (!Array.isArray(payloads) || !payloads.every(isPayload)) return null;
  try {
    return payloads.map(fromJson);
  } catch {
    // No base64.
    return null;
  }
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isTextOrAbsent = (value: unknown): boolean => value === undefined || value === null || typeof value === 'string';
const isPayload = (value: unknown): value is JsonPayload =>
  isRecord(value) &&
  isTextOrAbsent(value['data']) &&
  (value['metadata'] === undefined ||
    value['metadata'] === null ||
    (isRecord(value['metadata']) && Object.values(value['metadata']).every((one) => typeof one === 'string')));

const fromJson = (payload: JsonPayload): Payload => proto.temporal.api.common.v1.Payload.fromObject(payload);
const toJson = (payload: Payload): JsonPayload =>
  proto.temporal.api.common.v1.Payload.toObject(proto.temporal.api.common.v1.Payload.fromObject(payload), { bytes: String });

/** Resolves when it listens; `close` stops it. */
export function startCodecServer(
  options: CodecServerOptions & { readonly host: string; readonly port: number },
): Promise<{ readonly port: number; readonly close: () => Promise<void> }> {
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: createCodecApp(options).fetch, hostname: options.host, port: options.port }, ({ port }) => {
      resolve({ port, close: () => new Promise((done) => server.close(() => done())) });
    });
    server.on('error', reject);
  });
}
