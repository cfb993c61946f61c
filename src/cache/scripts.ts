/** Scripts of steps in the object store: each may be larger than an environment variable, and is named by its content. */
import { canonicalJson, sha256 } from '../contract/canonical-json.ts';
import type { ScriptSpec } from '../contract/steps.ts';
import type { ObjectStore } from '../ports/index.ts';
import { WAITS } from '../rules/durations.ts';
import { renew } from './renew.ts';

type Script = Pick<ScriptSpec, 'language' | 'file' | 'source' | 'requirements' | 'outputs'>;

const NAME_DIGITS = 32;

const textOf = ({ language, file, source, requirements, outputs }: Script): string =>
  canonicalJson({ language, file, source, requirements, outputs: Object.keys(outputs) });

const nameOf = (text: string): string => sha256(text).slice(0, NAME_DIGITS);

/** As its object is called in the store. */
export const scriptName = (spec: Script): string => nameOf(textOf(spec));

/** Kept once. One that is there is written again where it is old: a `gc` that has decided about it before removes another generation. */
export async function keepScript(store: ObjectStore, spec: Script): Promise<string> {
  const text = textOf(spec);
  const uri = `${store.root}/scripts/${nameOf(text)}.json`;
  if (!(await renew(store, uri, WAITS.codeRenewedMs))) await store.write(uri, text, { contentType: 'application/json' });
  return uri;
}
