/** What READY says of an export. */
import type { ObjectStore } from '../../src/ports/index.ts';
import { failure } from '../failures.ts';

interface Ready {
  /** Changes when the export is written anew; null: there is no READY. */
  readonly generation: string | null;
  /** How it is scored; null: its scorer finds that out from the files. */
  readonly kind: string | null;
}

export async function readyOf(store: ObjectStore, model: string): Promise<Ready> {
  const address = model.replace(/\/+$/, '');
  const object = await store.read(`${address}/READY`);
  if (!object) return { generation: null, kind: await savedModelIn(store, address) };
  const ready = parsed(`${address}/READY`, object.data);
  const { scorer, savedModel } = ready;
  const { generation } = object.info;
  if (typeof scorer === 'object' && scorer !== null && 'kind' in scorer && typeof scorer.kind === 'string')
    return { generation, kind: scorer.kind };
  // Exports of earlier releases name the folder of their SavedModel.
  return { generation, kind: await savedModelIn(store, `${address}/${typeof savedModel === 'string' ? savedModel : 'saved_model'}`) };
}

const savedModelIn = async (store: ObjectStore, folder: string): Promise<string | null> =>
  (await store.stat(`${folder}/saved_model.pb`)) ? 'saved-model' : null;

function parsed(uri: string, data: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(data));
    if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>;
  } catch {
    // Told below.
  }
  throw failure('InvalidInput', `${uri}: expected one JSON object`);
}
