import { AdapterError } from '../contract/errors.ts';
import type { ReadOptions } from '../ports/object-store.ts';

/** Before anything is read. @throws AdapterError('BadData') */
export function checkSize(uri: string, bytes: number, { maxBytes }: ReadOptions = {}): void {
  if (maxBytes !== undefined && bytes > maxBytes)
    throw new AdapterError('BadData', `${uri}: expected at most ${maxBytes} bytes, found ${bytes}`);
}
