/**
 * Temporal's remote codec protocol over HTTP (https://docs.temporal.io/production-deployment/data-encryption): the web UI and the CLI post
 * payloads to `/decode` and `/encode`. Whoever may ask may read everything, hence the token.
 */
import { timingSafeEqual } from 'node:crypto';
import { serve } from '@hono/node-server';
import type { Payload, PayloadCodec } from '@temporalio/common';
import proto from '@temporalio/proto';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { cors } from 'hono/cors';
import { DecryptionError } from './encryption.ts';

const MAX_BODY_BYTES = 32 * 1024 * 1024;

interface CodecServerOptions {
  readonly codec: PayloadCodec;
  /** Sent as `Authorization: Bearer TOKEN`. */
  readonly token: string;
  /** Origins of the web UIs that may ask from a browser, e.g. `https://temporal.example.com`. */
  readonly origins: readonly string[];
}

interface JsonPayload {
  metadata?: Record<string, string>;
  data?: string;
}

export function createCodecApp({ codec, token, origins }: CodecServerOptions): Hono {
  const app = new Hono();
  const expected = Buffer.from(`Bearer ${token}`);
  app.use(cors({ origin: [...origins], allowMethods: ['POST'], allowHeaders: ['Authorization', 'Content-Type', 'X-Namespace'] }));
  app.use(bodyLimit({ maxSize: MAX_BODY_BYTES }));
  app.use(async (context, next) => {
    const given = Buffer.from(context.req.header('Authorization') ?? '');
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return context.json({ message: 'a token is needed' }, 401);
    return next();
  });
  for (const way of ['encode', 'decode'] as const) {
    app.post(`/${way}`, async (context) => {
      const body: unknown = await context.req.json().catch(() => null);
      const given = (body as { payloads?: JsonPayload[] } | null)?.payloads;
      if (!Array.isArray(given)) return context.json({ message: 'expected {"payloads": […]}' }, 400);
      try {
        return context.json({ payloads: (await codec[way](given.map(fromJson))).map(toJson) });
      } catch (error) {
        if (error instanceof DecryptionError) return context.json({ message: error.message }, 400);
        throw error;
      }
    });
  }
  return app;
}

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
