/**
 * Writes longhaul/README.md: each value of the chart with its default and what it means, from values.schema.json and values.yaml; and in that schema what
 * `policy` may be, as a worker reads it.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { parse } from 'yaml';

interface Schema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly $ref?: string;
  readonly enum?: readonly string[];
}

const chart = (file: string): URL => new URL(`./longhaul/${file}`, import.meta.url);
export const README = chart('README.md');
export const VALUES_SCHEMA = chart('values.schema.json');

/** Markdown as it is to be in `README`. */
export async function chartReadme(): Promise<string> {
  const schema = JSON.parse(readFileSync(VALUES_SCHEMA, 'utf8')) as Schema & {
    readonly $defs: Readonly<Record<string, Schema>>;
  };
  const values = parse(readFileSync(chart('values.yaml'), 'utf8')) as unknown;
  const { version } = parse(readFileSync(chart('Chart.yaml'), 'utf8')) as { readonly version: string };
  const resolved = (each: Schema): Schema =>
    each.$ref === undefined ? each : { ...schema.$defs[each.$ref.replace('#/$defs/', '')], description: each.description ?? '' };
  const rows = (each: Schema, path: string, value: unknown): readonly string[] => {
    const { properties, description = '', enum: choices } = resolved(each);
    const inner = Object.entries(properties ?? {});
    // Rules of the policy are in docs/security.md.
    const named = path !== 'policy' && inner.some(([, one]) => resolved(one).description !== undefined);
    const meaning = choices === undefined ? description : `${description} One of ${choices.join(', ')}.`;
    if (!named) return [`| \`${path}\` | ${value === undefined ? '' : `\`${JSON.stringify(value)}\``} | ${meaning} |`];
    const own = path === '' ? [] : [`| **\`${path}\`** | | ${description} |`];
    const child = (key: string): unknown =>
      typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
    return [...own, ...inner.flatMap(([key, one]) => rows(one, path === '' ? key : `${path}.${key}`, child(key)))];
  };
  const text = `# Chart of Longhaul ${version}

<!-- Made by \`npm run chart-readme\` from values.schema.json and values.yaml. -->

\`\`\`
helm install longhaul longhaul-${version}.tgz --namespace longhaul --values my-values.yaml
helm test longhaul --namespace longhaul
\`\`\`

needs a Secret \`longhaul-temporal\` that says where Temporal is. \`helm upgrade\` to another version takes \`--reset-then-reuse-values\`, so that
new values have their defaults. A value that the chart does not know is refused.

| value | default | what it is |
| --- | --- | --- |
${rows(schema, '', values).join('\n')}
`;
  return format(text, { ...(await resolveConfig(README)), parser: 'markdown' });
}

/** values.schema.json as it is to be. */
export async function valuesSchema(): Promise<string> {
  const text = readFileSync(VALUES_SCHEMA, 'utf8');
  const schema = JSON.parse(text) as { properties: { policy: object } };
  const { properties } = published('policy');
  const { description } = schema.properties.policy as Schema;
  // A rule that no worker knows is refused by Helm, and not by workers that do not start.
  schema.properties.policy = { type: 'object', description, additionalProperties: false, properties };
  return format(JSON.stringify(schema, null, 2), { ...(await resolveConfig(README)), parser: 'json' });
}

const published = (name: string): Schema =>
  JSON.parse(readFileSync(new URL(`../../src/contract/schemas/${name}.schema.json`, import.meta.url), 'utf8')) as Schema;

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(VALUES_SCHEMA, await valuesSchema());
  writeFileSync(README, await chartReadme());
}
