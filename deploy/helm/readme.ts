/** Writes longhaul/README.md: each value of the chart with its default and what it means, from values.schema.json and values.yaml. */
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

/** Markdown as it is to be in `README`. */
export async function chartReadme(): Promise<string> {
  const schema = JSON.parse(readFileSync(chart('values.schema.json'), 'utf8')) as Schema & {
    readonly $defs: Readonly<Record<string, Schema>>;
  };
  const values = parse(readFileSync(chart('values.yaml'), 'utf8')) as unknown;
  const { version } = parse(readFileSync(chart('Chart.yaml'), 'utf8')) as { readonly version: string };
  const resolved = (each: Schema): Schema =>
    each.$ref === undefined ? each : { ...schema.$defs[each.$ref.replace('#/$defs/', '')], description: each.description ?? '' };
  const rows = (each: Schema, path: string, value: unknown): readonly string[] => {
    const { properties, description = '', enum: choices } = resolved(each);
    const inner = Object.entries(properties ?? {});
    const named = inner.some(([, one]) => resolved(one).description !== undefined);
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

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(README, await chartReadme());
