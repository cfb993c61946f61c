import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { writeImage } from './mkimage.ts';
import type { Image, ImageFile, Layer } from './mkimage.ts';
import { run, tryRun } from './shell.ts';
import type { Mount } from './state.ts';
import { cacheDirectory } from './tools.ts';

const APPLETS =
  'cat chmod cp cut date df dirname du echo env false find grep head hostname id kill ls mkdir mv nc ps pwd rm sed sh sleep sort tail tar test touch tr true uname wc wget xargs'.split(
    ' ',
  );

/** What programs of this machine need beside themselves: a shell, users, certificates, time zones. */
export function baseFiles(): readonly ImageFile[] {
  const optional = ['/etc/ssl/certs/ca-certificates.crt', '/etc/mime.types', '/etc/services', '/etc/protocols'].filter((path) =>
    existsSync(path),
  );
  return [
    { from: '/bin/busybox', to: 'bin/busybox' },
    ...APPLETS.map((applet) => ({ link: 'busybox', to: `bin/${applet}` })),
    ...optional.map((path) => ({ from: realpathSync(path), to: path.slice(1), mode: 0o644 })),
    {
      to: 'etc/passwd',
      text: 'root:x:0:0:root:/root:/bin/sh\nlonghaul:x:10001:10001::/home/longhaul:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n',
    },
    { to: 'etc/group', text: 'root:x:0:\nlonghaul:x:10001:\nnogroup:x:65534:\n' },
    { to: 'etc/nsswitch.conf', text: 'passwd: files\ngroup: files\nhosts: files dns\n' },
    { to: 'home/longhaul', directory: true, mode: 0o777 },
    { to: 'tmp', directory: true, mode: 0o1777 },
    { to: 'var/tmp', directory: true, mode: 0o1777 },
  ];
}

/**
 * The shared libraries that programs and modules load from this machine, as files of an image, and the loader.
 * Libraries inside `within` come with the image in another way.
 */
export async function libraryFiles(objects: readonly string[], within: readonly string[]): Promise<readonly ImageFile[]> {
  const found = new Map<string, string>();
  const chunks = Array.from({ length: Math.ceil(objects.length / 40) }, (_, chunk) => objects.slice(chunk * 40, (chunk + 1) * 40));
  for (const chunk of chunks) {
    // ldd fails where one of many is no dynamic program, and still lists the others.
    const listing = (await tryRun('sh', ['-c', 'ldd "$@" 2>/dev/null; true', 'ldd', ...chunk])) ?? '';
    for (const [, soname, path] of listing.matchAll(/^\s+(\S+) => (\/\S+) \(/gm))
      if (soname !== undefined && path !== undefined) found.set(basename(soname), path);
    for (const [, loader] of listing.matchAll(/^\s+(\/\S*ld-linux\S*) \(/gm)) if (loader !== undefined) found.set(loader, loader);
  }
  const home = dirname(found.get('libc.so.6') ?? '/usr/lib/libc.so.6').slice(1);
  // Loaded by name while running, so that ldd does not see them.
  for (const name of ['libgcc_s.so.1', 'libstdc++.so.6', 'librt.so.1', 'libdl.so.2', 'libpthread.so.0', 'libresolv.so.2']) {
    const path = join('/', home, name);
    const elsewhere = join('/usr', home, name);
    if (!found.has(name) && (existsSync(path) || existsSync(elsewhere))) found.set(name, existsSync(path) ? path : elsewhere);
  }
  return [...found]
    .filter(([, path]) => !within.some((folder) => path.startsWith(`${folder}/`)))
    .map(([name, path]) => ({ from: realpathSync(path), to: name.startsWith('/') ? name.slice(1) : join(home, name) }))
    .sort((a, b) => a.to.localeCompare(b.to));
}

/** All files below a folder whose names end so. */
export function filesEnding(folder: string, pattern: RegExp): readonly string[] {
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile() && pattern.test(entry.name)).map((entry) => join(entry.parentPath, entry.name));
}

/** A digest of what is in folders, by names, sizes and times: cheap, and enough to know that nothing changed. */
async function fingerprint(folders: readonly string[], extra: string): Promise<string> {
  const hash = createHash('sha256').update(extra);
  for (const folder of folders) {
    const listing = await run('find', [folder, '-name', '__pycache__', '-prune', '-o', '-type', 'f', '-printf', '%P %s %T@\\n']);
    hash.update(folder).update(listing.split('\n').sort().join('\n'));
  }
  return hash.digest('hex').slice(0, 16);
}

/** A folder of this machine in an image: packed into it, or mounted by the nodes of a cluster, which takes no time. */
export interface Folder {
  readonly from: string;
  /** Absolute path inside. */
  readonly at: string;
  readonly mounted?: boolean;
  /** Patterns of GNU tar, for packed ones. */
  readonly exclude?: readonly string[];
}

/** Pass `archive` to `loadImage`, `mounts` to `startCluster` and `name` to a pod. */
export interface BuiltImage {
  readonly name: string;
  readonly archive: string;
  readonly mounts: readonly Mount[];
}

/** An image's name as a file's. */
export const slugOf = (name: string): string => name.replaceAll(/[^a-z0-9.-]+/gi, '-');

const NOT_PACKED = ['__pycache__', '.*_cache', '.venv', '.git'];

/** Builds an image into the cache unless it is there, and removes the older ones of that name, which may be large. */
export async function buildHostImage(
  image: Omit<Image, 'layers'>,
  base: () => Promise<readonly Layer[]>,
  folders: readonly Folder[],
  version: string,
): Promise<BuiltImage> {
  const mounts = folders.filter(({ mounted }) => mounted === true).map(({ from, at }) => ({ from: realpathSync(from), to: at }));
  const packed = folders.filter(({ mounted }) => mounted !== true);
  const key = await fingerprint(packed.map(({ from }) => from), JSON.stringify([version, image, folders])); // prettier-ignore
  const slug = slugOf(image.name);
  const images = join(cacheDirectory(), 'images');
  const archive = join(images, `${slug}-${key}.tar`);
  const built = { name: image.name, archive, mounts };
  if (existsSync(archive)) return built;
  mkdirSync(images, { recursive: true });
  for (const old of readdirSync(images).filter((file) => file.startsWith(`${slug}-`) && file.endsWith('.tar')))
    rmSync(join(images, old), { force: true });
  // Where Python and others look for certificates was decided when their OpenSSL was built.
  const env = { SSL_CERT_FILE: '/etc/ssl/certs/ca-certificates.crt', ...image.env };
  const layers = packed.map(({ from, at, exclude = [] }): Layer => ({
    directory: from,
    at: at.slice(1),
    exclude: [...NOT_PACKED, ...exclude],
  }));
  await writeImage({ ...image, env, layers: [...(await base()), ...layers] }, archive);
  return built;
}

export const isScript = (path: string): boolean => statSync(path).size < 1 << 20 && readFileSync(path).subarray(0, 2).toString() === '#!';
