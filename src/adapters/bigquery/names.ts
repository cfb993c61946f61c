import { createHash } from 'node:crypto';
import { AdapterError } from '../../contract/errors.ts';

export interface TableRef {
  readonly project: string;
  readonly dataset: string;
  readonly table: string;
}

const PART = /^[A-Za-z0-9_-]+$/;
const MAX_TABLE_CHARACTERS = 1024;

/** `dataset.table` or `project.dataset.table`. */
export function tableRef(name: string, defaultProject: string): TableRef {
  const parts = name.split('.');
  const [table, dataset, project = defaultProject] = [...parts].reverse();
  if (parts.length < 2 || parts.length > 3 || !parts.every((part) => PART.test(part)) || name.length > MAX_TABLE_CHARACTERS) {
    throw new AdapterError(
      'InvalidInput',
      `table "${name}": expected dataset.table or project.dataset.table of letters, digits, _ and -, at most ${MAX_TABLE_CHARACTERS} characters`,
    );
  }
  return { project, dataset: dataset ?? '', table: table ?? '' };
}

/** As GoogleSQL takes it. */
export const quoted = ({ project, dataset, table }: TableRef): string => `\`${project}.${dataset}.${table}\``;

export const digest = (text: string): string => createHash('sha256').update(text, 'utf8').digest('hex').slice(0, 16);

const MAX_JOB_ID_CHARACTERS = 900;

/** A job id of any text: BigQuery allows letters, digits, `_` and `-`. */
export function jobIdOf(text: string): string {
  const safe = text.replace(/[^A-Za-z0-9_-]+/g, '_');
  return safe === text && safe.length <= MAX_JOB_ID_CHARACTERS ? safe : `${safe.slice(0, MAX_JOB_ID_CHARACTERS - 20)}-${digest(text)}`;
}

const MAX_LABEL_CHARACTERS = 63;

/** Labels as BigQuery allows them: lower case, digits, `_` and `-`. */
export function labelsOf(labels: Readonly<Record<string, string>>): Record<string, string> {
  const safe = (text: string): string =>
    text
      .toLowerCase()
      .replace(/[^a-z0-9_-]+/g, '_')
      .slice(0, MAX_LABEL_CHARACTERS);
  return Object.fromEntries(Object.entries(labels).map(([key, value]) => [safe(key), safe(value)]));
}

/** A text as a string literal of GoogleSQL. */
export const literal = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\n', '\\n')}'`;
/** A column as an identifier of GoogleSQL. */
export const identifier = (text: string): string => `\`${text.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``;
