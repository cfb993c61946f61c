import { realpathSync } from 'node:fs';
import { baseFiles, buildHostImage, filesEnding, libraryFiles } from './host-image.ts';
import type { BuiltImage, Folder } from './host-image.ts';
import type { Layer } from './mkimage.ts';

const NODE_IMAGE = 'dev-cluster.local/workers:1';
const USER = '10001:10001';

interface NodeImageOptions {
  readonly name?: string;
  /** Packed or mounted folders, a checkout with its node_modules for example. */
  readonly folders: readonly Folder[];
  readonly workingDirectory: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly command?: readonly string[];
}

/**
 * An image of the Node.js that runs this, and folders of this machine.
 *
 * @example
 * await nodeImage({ folders: [{ from: '.', at: '/app', mounted: true }], workingDirectory: '/app', command: ['node', 'workers/training.ts'] });
 */
export async function nodeImage(options: NodeImageOptions): Promise<BuiltImage> {
  const { name = NODE_IMAGE, folders, workingDirectory, env = {}, command } = options;
  const executable = realpathSync(process.execPath);
  const addons = folders.flatMap(({ from }) => filesEnding(from, /\.(node|so(\.\d+)*)$/));
  const within = folders.map(({ from }) => realpathSync(from));
  const layers = async (): Promise<readonly Layer[]> => [
    { files: [...baseFiles(), ...(await libraryFiles([executable, ...addons], within)), { from: executable, to: 'usr/local/bin/node' }] },
  ];
  const image = { name, env: { HOME: '/home/longhaul', ...env }, user: USER, workingDirectory, command };
  return await buildHostImage(image, layers, folders, `${process.version} ${addons.join()}`);
}
