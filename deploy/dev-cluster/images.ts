import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { writeImage } from './mkimage.ts';

export const PAUSE_IMAGE = 'dev-cluster.local/pause:1';
export const BUSYBOX_IMAGE = 'dev-cluster.local/busybox:1';

/** Holds the namespaces of every pod. */
async function pauseImage(programs: string, to: string): Promise<string> {
  if (existsSync(to)) return to;
  await writeImage(
    {
      name: PAUSE_IMAGE,
      layers: [{ files: [{ from: join(programs, 'pause'), to: 'pause' }] }],
      entrypoint: ['/pause'],
      user: '65535:65535',
    },
    to,
  );
  return to;
}

/** A shell and its tools, for pods that only need to do something. */
async function busyboxImage(to: string): Promise<string> {
  if (existsSync(to)) return to;
  const applets = [
    'sh',
    'cat',
    'date',
    'echo',
    'env',
    'false',
    'grep',
    'head',
    'hostname',
    'httpd',
    'id',
    'ls',
    'mkdir',
    'nc',
    'rm',
    'sleep',
    'tail',
    'touch',
    'true',
    'wget',
  ];
  const files = [
    { from: '/bin/busybox', to: 'bin/busybox' },
    ...applets.map((applet) => ({ link: 'busybox', to: `bin/${applet}` })),
    { to: 'tmp', directory: true as const, mode: 0o1777 },
    { to: 'etc/passwd', text: 'root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n' },
  ];
  await writeImage({ name: BUSYBOX_IMAGE, layers: [{ files }], entrypoint: ['/bin/sh'] }, to);
  return to;
}

/** The images that each node gets when it starts. */
export async function standardImages(programs: string): Promise<readonly string[]> {
  const folder = join(programs, 'images');
  return await Promise.all([pauseImage(programs, join(folder, 'pause.tar')), busyboxImage(join(folder, 'busybox.tar'))]);
}
