import { lstatSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { baseFiles, buildHostImage, filesEnding, isScript, libraryFiles, slugOf } from './host-image.ts';
import type { BuiltImage, Folder } from './host-image.ts';
import type { ImageFile, Layer } from './mkimage.ts';
import { run } from './shell.ts';

const PYTHON_IMAGE = 'dev-cluster.local/trainer:1';
const USER = '10001:10001';
const HOME = '/home/longhaul';

interface PythonImageOptions {
  /** A virtual environment of this machine. It lies in `/opt/venv` in the image, first on PATH. */
  readonly venv: string;
  readonly name?: string;
  /**
   * Let the cluster's nodes mount the environment's packages instead of packing them: with TensorFlow that is
   * 2 s instead of a minute, and 150 MB instead of 2 GB a node; but the image is of use in that cluster only.
   */
  readonly mountPackages?: boolean;
  /** Source folders that go beside it; `PYTHONPATH` is yours to set. */
  readonly folders?: readonly Folder[];
  /** Programs of this machine that go with it into `/usr/local/bin`, with the libraries they load. */
  readonly programs?: readonly string[];
  readonly workingDirectory?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * An image of this machine's Python and a virtual environment, for pods of any user id, kept in the cache until one
 * of them changes.
 *
 * @example
 * const image = await pythonImage({ venv: '.venv', mountPackages: true });
 * const cluster = await startCluster({ nodes: [{ name: 'spot-1' }], mounts: image.mounts });
 * await cluster.loadImage(image.archive);
 */
export async function pythonImage(options: PythonImageOptions): Promise<BuiltImage> {
  const { venv, name = PYTHON_IMAGE, folders = [], programs = [], workingDirectory = HOME, env = {}, mountPackages = false } = options;
  const python = await describePython(venv);
  const short = `python${python.version}`;
  const inVenv = `/opt/venv/lib/${short}/site-packages`;
  // All containers of a cluster see a mount, so that each environment's has a place of its own, and the image a link to it.
  const mountPoint = `/opt/mounted/${slugOf(python.packages).replace(/^-/, '')}`;
  const packages: Folder = mountPackages
    ? { from: python.packages, at: mountPoint, mounted: true }
    : { from: python.packages, at: inVenv, exclude: ['./tensorflow/include', './pip', './pip-*'] };
  const link: ImageFile[] = mountPackages ? [{ to: inVenv.slice(1), link: mountPoint }] : [];
  const path = '/opt/venv/bin:/usr/local/bin:/usr/bin:/bin';
  const image = {
    name,
    env: { PATH: path, VIRTUAL_ENV: '/opt/venv', HOME, ...env },
    user: USER,
    workingDirectory,
  };
  return await buildHostImage(
    image,
    async () => [...(await interpreterLayers(venv, python, link)), ...(await programLayers(programs))],
    [packages, ...folders],
    `${JSON.stringify(python)} ${packageList(python)} ${programs.map((file) => `${file} ${statSync(file).size}`).join()}`,
  );
}

/** The interpreter, its standard library and all shared libraries that it and the packages load. */
async function interpreterLayers(venv: string, python: Python, more: readonly ImageFile[]): Promise<readonly Layer[]> {
  const short = `python${python.version}`;
  const modules = [...filesEnding(python.standardLibrary, /\.so$/), ...filesEnding(python.packages, /\.so(\.\d+)*$/)];
  const libraries = await libraryFiles([python.executable, ...modules], [python.packages]);
  return [
    {
      files: [
        ...baseFiles(),
        ...libraries,
        { from: python.executable, to: `opt/python/bin/${short}` },
        ...venvFiles(venv, python),
        ...more,
      ],
    },
    {
      directory: python.standardLibrary,
      at: `opt/python/lib/${short}`,
      exclude: ['./site-packages', './dist-packages', './test', './config-*', './idlelib', './ensurepip'],
    },
  ];
}

/** Apart from Python's layers, which are then the same in images with and without other programs. */
async function programLayers(programs: readonly string[]): Promise<readonly Layer[]> {
  if (programs.length === 0) return [];
  const files = programs.map((from): ImageFile => ({ from, to: `usr/local/bin/${basename(from)}` }));
  return [{ files: [...(await libraryFiles(programs, [])), ...files] }];
}

/** Names and versions of the installed packages: their shared libraries, and their programs, follow from these. */
const packageList = ({ packages }: Python): string => readdirSync(packages).filter((entry) => entry.endsWith('.dist-info')).sort().join(); // prettier-ignore

interface Python {
  readonly version: string;
  readonly executable: string;
  readonly standardLibrary: string;
  readonly packages: string;
}

async function describePython(venv: string): Promise<Python> {
  const script = `import json, sys, sysconfig
print(json.dumps({'version': '%d.%d' % sys.version_info[:2], 'executable': sys.executable,
  'standardLibrary': sysconfig.get_path('stdlib'), 'packages': sysconfig.get_path('purelib')}))`;
  const described = JSON.parse(await run(join(venv, 'bin', 'python'), ['-c', script])) as Python;
  return { ...described, executable: realpathSync(described.executable) };
}

/** The environment's own programs, which name its folder and interpreter: both are elsewhere in the image. */
function venvFiles(venv: string, { version }: Python): readonly ImageFile[] {
  const bin = join(venv, 'bin');
  const scripts = readdirSync(bin).filter((file) => !/^(python|activate|Activate)/.test(file) && lstatSync(join(bin, file)).isFile());
  const files = scripts.map((file): ImageFile => {
    const from = join(bin, file);
    const to = `opt/venv/bin/${file}`;
    return isScript(from)
      ? { to, text: readFileSync(from, 'utf8').replace(/^#!.*python.*/, '#!/opt/venv/bin/python'), mode: 0o755 }
      : { to, from };
  });
  return [
    ...files,
    { to: 'opt/venv/pyvenv.cfg', text: `home = /opt/python/bin\ninclude-system-site-packages = false\nversion = ${version}\n` },
    { to: 'opt/venv/bin/python', link: `/opt/python/bin/python${version}` },
    { to: 'opt/venv/bin/python3', link: 'python' },
    { to: `opt/venv/bin/python${version}`, link: 'python' },
  ];
}
