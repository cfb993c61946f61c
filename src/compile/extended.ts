/** The run document of a search that goes on with what an ended one knew. Pure. */
import { InvalidInputError } from '../contract/errors.ts';
import type { RunDocument } from '../contract/run-document.ts';
import type { SearchSpec } from '../contract/steps.ts';
import { firstRung } from '../rules/halving.ts';
import { hashOf } from './index.ts';

interface Extension {
  readonly run: string;
  readonly step: string;
  /** Further trials. */
  readonly trials: number;
  /** Trials that the ended search was to have: replicates, and those that people added, among them. */
  readonly planned: number;
  /** Of training, where it is to be longer. */
  readonly epochs: number | null;
}

/** @throws {InvalidInputError} where the search cannot go on so */
export function extendedDocument(document: RunDocument, extension: Extension): RunDocument {
  const steps = document.steps.map((step) =>
    step.id === extension.step && step.spec.kind === 'search' ? { ...step, spec: extended(step.spec, extension) } : step,
  );
  const { hash: _hash, source, ...content } = document;
  return { ...content, steps, source, hash: hashOf({ ...content, steps }) };
}

function extended({ promise: _kept, ...spec }: SearchSpec, { run, step, trials, planned, epochs }: Extension): SearchSpec {
  const longer = epochs !== null && epochs > spec.epochs;
  if (epochs !== null && epochs < spec.epochs)
    refuse(step, 'epochs', 'training cannot be made shorter', `at least ${spec.epochs}`, String(epochs));
  if (trials === 0 && epochs === spec.epochs)
    refuse(step, 'epochs', 'training is no longer than it was', `more than ${spec.epochs}`, String(epochs));
  if (longer) checkSchedule(spec, step);
  return {
    ...spec,
    trials: trials === 0 ? spec.trials : Math.max(spec.trials, planned) + trials,
    epochs: epochs ?? spec.epochs,
    takesOver: { run, step, longer },
    ...(spec.scheduler === undefined ? {} : { scheduler: { ...spec.scheduler, ...firstRungOf(spec) } }),
  };
}

/** Rungs stay where they were: what was reached counts. */
function firstRungOf({ scheduler, epochs, validateEverySteps, command }: SearchSpec): { readonly min?: number } {
  if (scheduler === undefined || scheduler.kind === 'pbt' || scheduler.min !== undefined) return {};
  const points = scheduler.resource === 'points' && validateEverySteps === 0 && command === undefined;
  return { min: firstRung({ scheduler, end: scheduler.max ?? (scheduler.resource === 'epochs' || points ? epochs : null) }) };
}

/** As longhaul_trainer/identity.py does at the first attempt; here before anything is started. */
function checkSchedule({ command, image, fixed, space }: SearchSpec, step: string): void {
  if (command !== undefined || image !== undefined)
    refuse(
      step,
      'epochs',
      'whether training depends on where it ends is known of the reference trainer only',
      'no --epochs',
      'a trainer of one’s own',
    );
  const schedules = [fixed.learning_rate_schedule, space.learning_rate_schedule === undefined ? undefined : 'of the space'];
  const found = schedules.find((schedule) => schedule !== undefined) ?? 'cosine, the default';
  if (found !== 'constant')
    refuse(
      step,
      'fixed.learning_rate_schedule',
      'trials of more epochs would begin anew, as this schedule depends on where training ends',
      'constant',
      JSON.stringify(found),
    );
}

function refuse(step: string, path: string, message: string, expected: string, found: string): never {
  throw new InvalidInputError([{ file: 'extend', path: `steps.${step}.${path}`, message, expected, found }]);
}

/** A trial of an ended search, and the point up to which it is to be trained; null: to its end. */
interface Thawed {
  readonly trial: number;
  readonly points: number | null;
}

/** Trains those parts of curves only: no trial is new, no rule stops one, and of the other steps there are only those that the search needs. */
export function thawedDocument(
  document: RunDocument,
  of: { readonly run: string; readonly step: string },
  thaw: readonly Thawed[],
): RunDocument {
  const dependsOn = new Map(document.steps.map((step) => [step.id, step.dependsOn]));
  const needed = new Set([of.step]);
  for (const id of needed) for (const before of dependsOn.get(id) ?? []) needed.add(before);
  const steps = document.steps
    .filter(({ id }) => needed.has(id))
    .map((step) => (step.id === of.step && step.spec.kind === 'search' ? { ...step, spec: thawed(step.spec, of, thaw) } : step));
  const { hash: _hash, source, ...content } = document;
  const whole = { ...content, steps, onExit: [] };
  return { ...whole, source, hash: hashOf(whole) };
}

function thawed(
  { scheduler: _scheduler, replicates: _replicates, promise: _promise, ...spec }: SearchSpec,
  { run, step }: { readonly run: string; readonly step: string },
  thaw: readonly Thawed[],
): SearchSpec {
  // No further trial than those that are taken over.
  return { ...spec, trials: 1, stopping: [], budget: {}, takesOver: { run, step, longer: false, thaw: [...thaw] } };
}
