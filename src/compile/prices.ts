/** Prices of a dated file: a profile names it, and its pools take what it says of them. */
import { realpath } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { z } from 'zod';
import type { Profile } from '../contract/profile.ts';
import { Files } from './files.ts';
import { loadFile } from './load.ts';
import { Problems } from './problems.ts';
import { applySchema } from './schema-problems.ts';
import { child, type MapNode } from './tree.ts';

const price = z.number().nonnegative();
/** Per hour, in the profile's currency. A pool's own name comes before the machine type of its `nodeSelector`. */
const PriceFile = z.strictObject({
  /** When they were looked up. */
  date: z.iso.date(),
  currency: z.string().optional(),
  pools: z.record(z.string(), z.strictObject({ pricePerHour: price, onDemandPricePerHour: price.optional() })).default({}),
  machines: z.record(z.string(), z.strictObject({ onDemand: price, spot: price.optional() })).default({}),
});

export interface Prices extends z.output<typeof PriceFile> {
  readonly file: string;
}

const MACHINE_TYPE = 'node.kubernetes.io/instance-type';

/** null: the profile names none, or it is wrong, which is told. */
export async function readPrices(profile: MapNode, files: Files, problems: Problems): Promise<Prices | null> {
  const written = child(profile, 'prices');
  if (written?.kind !== 'scalar' || typeof written.value !== 'string') return null;
  const source = await files.read(written.value, written.at, 'prices');
  const node = source && (await loadFile(source, 'prices', { files, problems }));
  const found = node && applySchema(PriceFile, node, '', problems);
  if (found === null) return null;
  const currency = child(profile, 'currency');
  const ours = currency?.kind === 'scalar' && typeof currency.value === 'string' ? currency.value : 'USD';
  if (found.currency !== undefined && found.currency !== ours) {
    problems.add(written.at, 'prices', 'these prices are of another currency', { expected: ours, found: found.currency });
    return null;
  }
  return { ...found, file: written.value };
}

/**
 * Those of machines, of a file that no profile names.
 * @throws InvalidInputError with every mistake that was found
 */
export async function machinePrices(path: string, cwd: string): Promise<Prices['machines']> {
  const problems = new Problems();
  const folder = dirname(resolve(cwd, path));
  const files = new Files(await realpath(folder).catch(() => folder), cwd, problems);
  const source = await files.read(basename(path), { file: path, folder }, 'prices');
  const node = source && (await loadFile(source, 'prices', { files, problems }));
  const found = node && applySchema(PriceFile, node, '', problems);
  problems.throwIfAny();
  return found?.machines ?? {};
}

/** What the file says of a pool counts; of the others what the profile says. */
export function withPrices(profile: Profile, { file, date, pools, machines }: Prices): Profile {
  return {
    ...profile,
    prices: { file, date },
    pools: profile.pools.map((pool) => {
      const own = pools[pool.name];
      if (own !== undefined) return { ...pool, ...own };
      const machine = machines[pool.nodeSelector[MACHINE_TYPE] ?? ''];
      if (machine === undefined || (pool.spot && machine.spot === undefined)) return pool;
      return { ...pool, pricePerHour: pool.spot ? (machine.spot ?? 0) : machine.onDemand, onDemandPricePerHour: machine.onDemand };
    }),
  };
}
