import { crc32c } from '@node-rs/crc32';
import { createReadStream } from 'node:fs';

/** CRC-32C as GCS writes it: base64 of four bytes, big-endian. */
export function crc32cOf(data: Uint8Array): string {
  return encode(crc32c(Buffer.from(data.buffer, data.byteOffset, data.byteLength)));
}

export async function crc32cOfFile(path: string): Promise<string> {
  let state = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) state = crc32c(chunk as Buffer, state);
  return encode(state);
}

function encode(value: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes.toString('base64');
}
