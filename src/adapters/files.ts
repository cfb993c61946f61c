import { open } from 'node:fs/promises';

/** True for errors of `node:fs` with one of these codes. */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && codes.includes(String(error.code));
}

/** Writes a new file and sees it on the disk. */
export async function writeDurably(path: string, data: Uint8Array | string): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await file.writeFile(data);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes a rename or link in this directory survive a power cut. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/**
 * Any text as a file name of at most 200 characters, different for different texts: what is not `[A-Za-z0-9_-]` or an inner dot
 * becomes `%XX`, long ones end in a hash.
 */
export function fileNameOf(text: string, hash: (text: string) => string): string {
  const safe = [...Buffer.from(text, 'utf8')]
    .map((byte) => (SAFE.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : `%${byte.toString(16).padStart(2, '0')}`))
    .join('');
  return safe.length > 0 && safe.length <= 200 ? safe : `${safe.slice(0, 130)}%-${hash(text)}`;
}
const SAFE = /[A-Za-z0-9_-]/;
