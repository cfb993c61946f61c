/**
 * A tar archive that depends on nothing but names, contents and the right to be executed: equal code has equal bytes. Uncompressed, for
 * compressors differ from version to version. POSIX.1-2001 (pax), https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html. Pure.
 */

export interface ArchivedFile {
  /** Relative, with slashes. */
  readonly path: string;
  readonly data: Uint8Array;
  readonly executable: boolean;
}

const BLOCK = 512;
const NAME_BYTES = 100;
/** Two blocks of zeros end an archive. */
const END_BYTES = 2 * BLOCK;

/** @example writeFileSync('code.tar', archiveOf([{ path: 'train.py', data, executable: false }])) */
export function archiveOf(files: readonly ArchivedFile[]): Uint8Array {
  const sorted = [...files].sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
  return Buffer.concat([...sorted.flatMap(entry), Buffer.alloc(END_BYTES)]);
}

/** How many bytes one takes in it, at most. */
export const archivedBytes = (path: string, bytes: number): number =>
  BLOCK + padded(bytes) + (isPlain(path) ? 0 : BLOCK + padded(Buffer.byteLength(path) + 16));

/** What is in an archive of `archiveOf`. */
export function filesIn(archive: Uint8Array): ArchivedFile[] {
  const bytes = Buffer.from(archive.buffer, archive.byteOffset, archive.byteLength);
  const files: ArchivedFile[] = [];
  let long: string | null = null;
  for (let at = 0; at + BLOCK <= bytes.length && bytes[at] !== 0;) {
    const text = (from: number, length: number): string =>
      (bytes.toString('utf8', at + from, at + from + length).split('\0')[0] ?? '').trim();
    const size = Number.parseInt(text(124, 12), 8);
    const data = bytes.subarray(at + BLOCK, at + BLOCK + size);
    if (text(156, 1) === 'x') long = /^\d+ path=(.*)\n$/s.exec(data.toString('utf8'))?.[1] ?? null;
    else {
      files.push({ path: long ?? text(0, NAME_BYTES), data, executable: (Number.parseInt(text(100, 8), 8) & 0o100) !== 0 });
      long = null;
    }
    at += BLOCK + padded(size);
  }
  return files;
}

function entry({ path, data, executable }: ArchivedFile): Uint8Array[] {
  const mode = executable ? 0o755 : 0o644;
  if (isPlain(path)) return [header(path, data.length, mode, '0'), ...body(data)];
  const record = Buffer.from(paxRecord('path', path));
  return [header('pax', record.length, 0o644, 'x'), ...body(record), header('long', data.length, mode, '0'), ...body(data)];
}

const isPlain = (path: string): boolean => /^[\x20-\x7e]*$/.test(path) && path.length <= NAME_BYTES && path === path.trim();
const padded = (bytes: number): number => Math.ceil(bytes / BLOCK) * BLOCK;
const body = (data: Uint8Array): Uint8Array[] => [data, Buffer.alloc(padded(data.length) - data.length)];

/** `LENGTH key=value\n`, where LENGTH counts itself. */
function paxRecord(key: string, value: string): string {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest + 1;
  while (String(length).length + rest !== length) length = String(length).length + rest;
  return `${length} ${key}=${value}\n`;
}

function header(name: string, size: number, mode: number, type: string): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, digits: number): void => void block.write(`${value.toString(8).padStart(digits, '0')}\0`, at);
  block.write(name, 0, NAME_BYTES);
  octal(mode, 100, 7);
  octal(0, 108, 7);
  octal(0, 116, 7);
  octal(size, 124, 11);
  octal(0, 136, 11);
  block.write('        ', 148);
  block.write(type, 156);
  block.write('ustar\0' + '00', 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}
