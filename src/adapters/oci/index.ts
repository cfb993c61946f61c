/** Digests of images by the OCI distribution API (https://github.com/opencontainers/distribution-spec). */
import { z } from 'zod';
import type { ImageDigests, ImageRegistry } from '../../ports/registry.ts';
import { GRACES } from '../../rules/durations.ts';
import { accountOf, TOKEN_USER, type Account } from './accounts.ts';
import { imageReference } from './reference.ts';

const MANIFESTS = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');
const DIGEST = /^sha256:[0-9a-f]{64}$/;
/** Platforms of one image; more are not looked into. */
const MAX_PLATFORMS = 16;
const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

const Described = z.object({ digest: z.string().regex(DIGEST) });
const Manifest = z.object({ manifests: z.array(Described).optional(), config: Described.optional() });
const Token = z.object({ token: z.string().optional(), access_token: z.string().optional() });

interface RegistryOptions {
  readonly account?: (registry: string) => Promise<Account | null>;
  readonly answerMs?: number;
}

/** What keeps an answer from coming; told to people. */
class NoAnswer extends Error {}

export function openRegistry({ account = accountOf, answerMs = GRACES.registryAnswerMs }: RegistryOptions = {}): ImageRegistry {
  const known = new Map<string, Promise<ImageDigests>>();
  async function look(image: string): Promise<ImageDigests> {
    const found = imageReference(image);
    if (found === null) return { why: 'this is no name of an image' };
    const { registry, origin, repository, reference } = found;
    const signal = AbortSignal.timeout(answerMs);
    try {
      const ask = asker(origin, repository, () => account(registry), signal);
      const digest = await ask.digest(reference);
      return { digests: [digest, ...(await others(ask, digest))] };
    } catch (error) {
      return { why: signal.aborted ? `${origin} did not answer within ${answerMs / 1000} s` : whyOf(error, origin) };
    }
  }
  return {
    digests: (image) => {
      const asked = known.get(image) ?? look(image);
      known.set(image, asked);
      return asked;
    },
  };
}

interface Asker {
  digest(reference: string): Promise<string>;
  manifest(digest: string): Promise<z.infer<typeof Manifest>>;
}

function asker(origin: string, repository: string, account: () => Promise<Account | null>, signal: AbortSignal): Asker {
  let authorization: string | null = null;
  async function ask(method: 'HEAD' | 'GET', reference: string, mayAuthorize = true): Promise<Response> {
    const headers = { accept: MANIFESTS, ...(authorization === null ? {} : { authorization }) };
    // On the way to another host the account stays behind (https://fetch.spec.whatwg.org/#http-redirect-fetch).
    const response = await fetch(`${origin}/v2/${repository}/manifests/${reference}`, { method, headers, signal });
    if (response.ok) return response;
    await response.body?.cancel();
    if (response.status !== 401 || !mayAuthorize) throw new NoAnswer(`${origin} answered ${response.status}`);
    authorization = await authorize(response.headers.get('www-authenticate') ?? '', repository, await account(), signal);
    return ask(method, reference, false);
  }
  return {
    digest: async (reference) => {
      const digest = (await ask('HEAD', reference)).headers.get('docker-content-digest') ?? '';
      if (!DIGEST.test(digest)) throw new NoAnswer(`${origin} did not say the digest`);
      return digest;
    },
    manifest: async (digest) => {
      const response = await ask('GET', digest);
      if (Number(response.headers.get('content-length') ?? 0) > MAX_MANIFEST_BYTES)
        throw new NoAnswer(`${origin} sent too large a manifest`);
      return Manifest.parse(await response.json());
    },
  };
}

/** Of an image for several platforms their manifests; of each the configuration, by which a runtime calls what it did not pull. */
async function others(ask: Asker, digest: string): Promise<string[]> {
  const top = await ask.manifest(digest);
  const platforms = (top.manifests ?? []).slice(0, MAX_PLATFORMS).map((each) => each.digest);
  const manifests = await Promise.all(platforms.map((each) => ask.manifest(each)));
  return [...platforms, ...[top, ...manifests].flatMap(({ config }) => (config ? [config.digest] : []))];
}

/** https://distribution.github.io/distribution/spec/auth/token: the header for the next request. */
async function authorize(challenge: string, repository: string, account: Account | null, signal: AbortSignal): Promise<string> {
  const basic = account && `Basic ${Buffer.from(`${account.user}:${account.password}`).toString('base64')}`;
  if (/^basic\b/i.test(challenge) && basic !== null) return basic;
  const said = new Map([...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = '', value = '']) => [name.toLowerCase(), value]));
  const realm = said.get('realm');
  if (!/^bearer\b/i.test(challenge) || realm === undefined || !URL.canParse(realm))
    throw new NoAnswer('it wants an account; `docker login` has none for it');
  const url = new URL(realm);
  const wanted = new URLSearchParams({ service: said.get('service') ?? '', scope: said.get('scope') ?? `repository:${repository}:pull` });
  const isToken = account?.user === TOKEN_USER;
  const bought = { grant_type: 'refresh_token', client_id: 'longhaul', refresh_token: account?.password ?? '' };
  const request: RequestInit = isToken
    ? { method: 'POST', body: new URLSearchParams([...wanted, ...Object.entries(bought)]) }
    : { headers: basic === null ? {} : { authorization: basic } };
  if (!isToken) for (const [name, value] of wanted) url.searchParams.set(name, value);
  const response = await fetch(url, { ...request, signal });
  if (!response.ok) throw new NoAnswer(`${url.origin} answered ${response.status} when asked for a token`);
  const { token, access_token: other } = Token.parse(await response.json());
  const found = token ?? other;
  if (found === undefined) throw new NoAnswer(`${url.origin} gave no token`);
  return `Bearer ${found}`;
}

function whyOf(error: unknown, origin: string): string {
  if (error instanceof NoAnswer) return error.message;
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message || String(error.cause) : String(error);
  return error instanceof z.ZodError || error instanceof SyntaxError
    ? `${origin} sent what is no manifest`
    : `${origin} does not answer: ${cause}`;
}
