/** The console's web server. */
import { serve } from '@hono/node-server';
import { Hono, type MiddlewareHandler } from 'hono';
import { compress } from 'hono/compress';
import { Access } from './access.ts';
import { createApi, type Variables } from './api.ts';
import { loadPage, type Page } from './bundle.ts';
import { describeFailure, HttpError } from './failures.ts';
import { boundedBodies, onlyOurHosts, onlySameOrigin, securityHeaders } from './guard.ts';
import type { Revocations } from './revocations.ts';
import { RunModels } from './run-models.ts';
import { Overview } from './overview.ts';
import { checkSafe, type ConsoleOptions } from './options.ts';
import { RunList } from './run-list.ts';
import type { ConsoleSource } from './source.ts';
import type { Failure } from './wire.ts';

export interface ConsoleServer {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * @param onError hears of what nobody foresaw
 * @param revocations where replicas keep what sessions were ended; those of a console that is alone are kept in it
 * @throws UnsafeConsoleError
 * @example const { url } = await startConsole(createLiveSource(longhaul, ports, null), DEFAULTS)
 */
export async function startConsole(
  source: ConsoleSource,
  options: ConsoleOptions,
  onError: (error: unknown) => void = () => undefined,
  revocations?: Revocations,
): Promise<ConsoleServer> {
  checkSafe(options);
  const list = new RunList(source);
  const models = new RunModels(source, list);
  const overview = new Overview(source, list);
  const app = createApp({ source, models, list, overview, access: new Access(options, revocations) }, options, await loadPage(), onError);
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: app.fetch, hostname: options.host, port: options.port }, (address) => {
      const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
      resolve({
        url: `http://${host}:${address.port}`,
        close: () =>
          new Promise((done) => {
            models.close();
            list.close();
            overview.close();
            server.close(() => done());
            if ('closeAllConnections' in server) server.closeAllConnections();
          }),
      });
    });
    server.once('error', reject);
  });
}

function createApp(
  parts: Parameters<typeof createApi>[0],
  options: ConsoleOptions,
  page: Page,
  onError: (error: unknown) => void,
): Hono<{ Variables: Variables }> {
  const { access } = parts;
  const app = new Hono<{ Variables: Variables }>();
  app.onError((error, context) => {
    const { status, ...described } = describeFailure(error);
    if (status === 500) onError(error);
    if (error instanceof HttpError && error.afterSeconds !== null) context.header('retry-after', String(error.afterSeconds));
    return context.json({ error: described } satisfies Failure, status);
  });
  app.use(securityHeaders, boundedBodies);
  // Load balancers ask by a pod's address and not by a name of ours; the answer tells nothing that a page of a stranger could use.
  app.get('/healthz', (context) => context.text('ok'));
  app.use(onlyOurHosts(options), onlySameOrigin(options));

  app.get('/assets/:name', (context) => {
    const asset = page.assets.get(context.req.path);
    if (!asset) return context.notFound();
    context.header('content-type', asset.type);
    context.header('cache-control', 'public, max-age=31536000, immutable');
    context.header('vary', 'accept-encoding');
    if (!/\bgzip\b/.test(context.req.header('accept-encoding') ?? '')) return context.body(asset.body);
    context.header('content-encoding', 'gzip');
    return context.body(asset.gzip);
  });

  app.post('/api/sign-in', async (context) => {
    const body = (await context.req.json().catch(() => null)) as { token?: unknown } | null;
    if (typeof body?.token !== 'string') throw new HttpError(400, 'InvalidInput', 'a token is expected');
    return context.json(access.describe(await access.signIn(context, body.token)));
  });
  app.use('/api/*', onlyIdentified(access));
  app.post('/api/sign-out', async (context) => {
    const identity = context.get('identity');
    access.checkCsrf(context, identity);
    const body = (await context.req.json().catch(() => null)) as { everywhere?: unknown } | null;
    await access.signOut(context, identity, body?.everywhere === true);
    return context.json({});
  });
  app.post('/api/sessions/revoke', async (context) => {
    const identity = context.get('identity');
    access.checkCsrf(context, identity);
    const body = (await context.req.json().catch(() => null)) as { user?: unknown } | null;
    const user = typeof body?.user === 'string' ? body.user.trim() : '';
    if (user === '' || user.length > 320) throw new HttpError(400, 'InvalidInput', 'a person is expected: { "user": NAME }');
    await access.revoke(user, identity);
    return context.json({});
  });
  app.use('/api/*', compress());
  app.route('/api', createApi(parts));
  app.all('/api/*', () => {
    throw new HttpError(404, 'NotFound', 'there is nothing at this address');
  });

  // Every other address is one of the page's own.
  app.get('*', (context) => {
    context.header('cache-control', 'no-cache');
    return context.html(page.html);
  });
  return app;
}

function onlyIdentified(access: Access): MiddlewareHandler<{ Variables: Variables }> {
  return async (context, next) => {
    context.header('cache-control', 'no-store');
    const identity = await access.identify(context);
    if (!identity) throw new HttpError(401, 'SignIn', access.signsIn ? 'sign in with a token' : 'the proxy did not say who you are');
    context.set('identity', identity);
    await next();
  };
}
