/**
 * Which rows of progress are written together is settled in the object store before they are written: `{output}/ledger.json` names the last
 * batch. Two workers that follow one trial, one of them after a sleep perhaps, cut its records at other places; but only one of them settles
 * a batch, each writes what was settled, and the same batch has the same key in the ledger. So each row is there once.
 */
import { z } from 'zod';
import { PreconditionFailedError } from '../src/contract/errors.ts';
import type { ObjectStore } from '../src/ports/index.ts';

/** Numbers of its first and last record. */
export type Batch = z.infer<typeof Batch>;
const Batch = z.object({ first: z.int().positive(), last: z.int().positive() });

const NONE = '0';

export class ProgressBatches {
  readonly #store: ObjectStore;
  readonly #uri: string;
  /** Of the object, as far as we know; null: not read yet. */
  #generation: string | null = null;
  #settled: Batch | null = null;

  constructor(store: ObjectStore, output: string) {
    this.#store = store;
    this.#uri = `${output}/ledger.json`;
  }

  /** @returns the batch that is to be written now: the one that is wanted, or one that was settled before and may not have been written */
  async settle(wanted: Batch): Promise<Batch> {
    if (this.#generation === null) await this.#read();
    if (this.#settled !== null && this.#settled.last >= wanted.first) return this.#settled;
    try {
      const options = { ifGeneration: this.#generation ?? NONE, contentType: 'application/json' };
      const { generation } = await this.#store.write(this.#uri, JSON.stringify(wanted), options);
      [this.#generation, this.#settled] = [generation, wanted];
      return wanted;
    } catch (error) {
      if (!(error instanceof PreconditionFailedError)) throw error;
      // Another worker was quicker, or our own write arrived and its answer did not.
      await this.#read();
      return this.settle(wanted);
    }
  }

  async #read(): Promise<void> {
    const found = await this.#store.read(this.#uri);
    this.#generation = found?.info.generation ?? NONE;
    this.#settled = found === null ? null : Batch.parse(JSON.parse(new TextDecoder().decode(found.data)));
  }
}
