/** Names of images as Docker and Kubernetes read them (https://github.com/distribution/reference). */

interface ImageReference {
  /** Under which Docker's configuration has the account. */
  readonly registry: string;
  /** Where the registry's API answers. */
  readonly origin: string;
  readonly repository: string;
  /** A tag, or a digest. */
  readonly reference: string;
}

const HUB = 'docker.io';
const HUB_ACCOUNT = 'https://index.docker.io/v1/';
const HUB_ORIGIN = 'https://registry-1.docker.io';

/** null: this is no name of an image. */
export function imageReference(image: string): ImageReference | null {
  const match = /^(?<path>[^@]+?)(?::(?<tag>\w[\w.-]{0,127}))?(?:@(?<digest>sha256:[0-9a-f]{64}))?$/.exec(image);
  const { path = '', tag = 'latest', digest } = match?.groups ?? {};
  const [first = '', ...rest] = path.split('/');
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  const host = isHost ? first : HUB;
  const repository = isHost ? rest.join('/') : rest.length === 0 ? `library/${first}` : path;
  if (!/^[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*$/.test(repository) || !/^[\w.\-:[\]]+$/.test(host)) return null;
  const reference = digest ?? tag;
  if (host === HUB || host === 'index.docker.io') return { registry: HUB_ACCOUNT, origin: HUB_ORIGIN, repository, reference };
  return { registry: host, origin: `${isLocal(host) ? 'http' : 'https'}://${host}`, repository, reference };
}

/** Docker, too, speaks plainly to registries of the machine itself. */
const isLocal = (host: string): boolean => /^(?:localhost|127(?:\.\d+){3}|\[::1\])(?::\d+)?$/.test(host);
