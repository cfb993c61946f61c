/** What an evaluate step needs besides its schema: a model with a test set, or scores, and the fields of its task. */
import type { LeafStep } from './expand.ts';
import { join } from './problems.ts';
import { child, type MapNode } from './tree.ts';
import type { BuildContext, FileOf } from './build-context.ts';

/** A model that is scored here needs its test set; scores that are there need what their task is about. */
export function checkEvaluate(leaf: LeafStep, fields: MapNode, file: FileOf<'evaluate'>, { problems }: BuildContext): void {
  const path = (name: string): string => join(leaf.path, name);
  const missing = (name: string, expected: string): void => problems.add(leaf.at, path(name), `"${name}" is missing`, { expected });
  const refuse = (name: string, message: string, hint: string): void =>
    problems.add(child(fields, name)?.at ?? leaf.at, path(name), message, { hint });
  if (file.scores === undefined) {
    if (file.model === undefined) return missing('model', 'a model export to score, or `scores`, a table of another step');
    for (const name of ['table', 'features', 'data'] as const)
      if (file[name] === undefined) missing(name, 'the test set that the model is to score');
    checkTask(leaf, fields, file, problems);
    return;
  }
  for (const name of ['model', 'features', 'data', 'table', 'compareWith'] as const)
    if (child(fields, name)) refuse(name, 'scores that are there already need none', 'remove it, or remove `scores`');
  if (file.task === 'ranking' && file.group === undefined) missing('group', 'the column of the session, for `task: ranking`');
  checkTask(leaf, fields, file, problems);
}

/** Fields that one task needs, and no other has. */
function checkTask(leaf: LeafStep, fields: MapNode, file: FileOf<'evaluate'>, problems: BuildContext['problems']): void {
  const path = (name: string): string => join(leaf.path, name);
  const missing = (name: string, expected: string): void => problems.add(leaf.at, path(name), `"${name}" is missing`, { expected });
  const refuse = (name: string, message: string, hint: string): void =>
    problems.add(child(fields, name)?.at ?? leaf.at, path(name), message, { hint });
  if (file.task === 'multiclass' && Object.keys(file.classes ?? {}).length < 2)
    missing('classes', 'class: column of its probability, two at least, for `task: multiclass`');
  for (const [name, task] of [
    ['classes', 'multiclass'],
    ['horizon', 'forecast'],
    ['scale', 'forecast'],
    ['quantile', 'regression'],
  ] as const)
    if (child(fields, name) && file.task !== task) refuse(name, `this field is of \`task: ${task}\``, `the task is ${file.task}`);
}
