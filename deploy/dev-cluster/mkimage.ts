import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, createReadStream, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { run } from './shell.ts';

/** A file of an image: copied, linked or written. Paths inside have no leading slash. */
export type ImageFile =
  | { readonly to: string; readonly from: string; readonly mode?: number }
  | { readonly to: string; readonly link: string }
  | { readonly to: string; readonly text: string; readonly mode?: number }
  | { readonly to: string; readonly directory: true; readonly mode?: number };

/** One layer: single files, or a whole directory of this machine placed somewhere in the image. */
export type Layer =
  { readonly files: readonly ImageFile[] } | { readonly directory: string; readonly at: string; readonly exclude?: readonly string[] };

export interface Image {
  /** `registry/name:tag` */
  readonly name: string;
  readonly layers: readonly Layer[];
  readonly env?: Readonly<Record<string, string>>;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  /** `uid:gid` */
  readonly user?: string;
  readonly workingDirectory?: string;
}

/**
 * Writes an image that any container runtime loads (`docker load`, `ctr images import`), from files of this machine
 * and without a container engine.
 *
 * @example await writeImage({ name: 'example/tool:1', layers: [{ files: [{ from: '/bin/busybox', to: 'bin/sh' }] }] }, 'tool.tar');
 */
export async function writeImage(image: Image, archive: string): Promise<void> {
  mkdirSync(dirname(archive), { recursive: true });
  const work = mkdtempSync(`${archive}.`);
  try {
    const layers: string[] = [];
    for (const [number, layer] of image.layers.entries()) {
      const file = join(work, `layer${number}.tar`);
      await ('files' in layer ? writeFiles(layer.files, file, join(work, `files${number}`)) : writeDirectory(layer, file));
      const digest = await sha256(file);
      renameSync(file, join(work, `${digest}.tar`));
      layers.push(digest);
    }
    const config = JSON.stringify({
      architecture: ({ x64: 'amd64', arm64: 'arm64' } as Record<string, string>)[process.arch] ?? process.arch,
      os: 'linux',
      // Fixed, so that equal content is an equal image.
      created: '2020-01-01T00:00:00Z',
      config: {
        Env: Object.entries({ PATH: '/usr/local/bin:/usr/bin:/bin', ...image.env }).map(([name, value]) => `${name}=${value}`),
        Entrypoint: image.entrypoint,
        Cmd: image.command,
        User: image.user,
        WorkingDir: image.workingDirectory ?? '/',
      },
      rootfs: { type: 'layers', diff_ids: layers.map((digest) => `sha256:${digest}`) },
    });
    const configFile = `${createHash('sha256').update(config).digest('hex')}.json`;
    writeFileSync(join(work, configFile), config);
    const members = [configFile, ...new Set(layers.map((digest) => `${digest}.tar`))];
    const manifest = [{ Config: configFile, RepoTags: [image.name], Layers: layers.map((digest) => `${digest}.tar`) }];
    writeFileSync(join(work, 'manifest.json'), JSON.stringify(manifest));
    const draft = join(work, 'image.tar');
    await run('tar', ['-C', work, '-cf', draft, 'manifest.json', ...members]);
    renameSync(draft, archive);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

const OWNED_BY_ROOT = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--format=gnu'];

async function writeFiles(files: readonly ImageFile[], archive: string, staging: string): Promise<void> {
  mkdirSync(staging, { mode: 0o755 });
  for (const file of files) {
    const path = join(staging, file.to);
    mkdirSync('directory' in file ? path : dirname(path), { recursive: true, mode: 0o755 });
    if ('link' in file) symlinkSync(file.link, path);
    else if ('from' in file) copyFileSync(file.from, path);
    else if ('text' in file) writeFileSync(path, file.text);
    if (!('link' in file)) chmodSync(path, file.mode ?? ('text' in file ? 0o644 : 0o755));
  }
  await run('tar', ['-C', staging, ...OWNED_BY_ROOT, '--mtime=@0', '-cf', archive, '.']);
}

/** Times of files are kept: Python compares them with those in its compiled files. */
async function writeDirectory(
  layer: { readonly directory: string; readonly at: string; readonly exclude?: readonly string[] },
  archive: string,
): Promise<void> {
  const exclude = (layer.exclude ?? []).map((pattern) => `--exclude=${pattern}`);
  // Readable by whatever user the pod runs as; links inside keep their targets.
  const args = ['-C', layer.directory, ...OWNED_BY_ROOT, '--mode=a+rX', ...exclude, '--transform', `flags=rSH;s,^\\.,./${layer.at},`];
  await run('tar', [...args, '-cf', archive, '.'], { timeoutMs: 1_200_000 });
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}
