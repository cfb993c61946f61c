/** `npm run schemas`: writes the JSON Schema files that are committed beside the contract. */
import { mkdir, writeFile } from 'node:fs/promises';
import { jsonSchemas } from './json-schemas.ts';

const FOLDER = new URL('schemas/', import.meta.url);

await mkdir(FOLDER, { recursive: true });
for (const [name, schema] of Object.entries(jsonSchemas())) {
  const file = new URL(`${name}.schema.json`, FOLDER);
  await writeFile(file, `${JSON.stringify(schema, null, 2)}\n`);
  process.stderr.write(`${file.pathname}\n`);
}
