/** Names that people give to runs and schedules: checked where they enter, before anything is started or written. */
import { InvalidInputError } from './errors.ts';

/** It becomes part of paths, tables, Jobs and workflow ids. */
export const RUN_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,119}$/;
/** What a run's name is to look like, for people. */
export const RUN_NAME_IN_WORDS = "letters, digits, '.', '_' and '-', a letter or digit first, at most 120";

/** Runs of a schedule are called `NAME-20261124-030000`; Temporal's own name of them is four characters longer. */
const LONGEST_SCHEDULE_NAME = 100;
const MAX_SHOWN = 60;

const shown = (name: string): string => JSON.stringify(name.length > MAX_SHOWN ? `${name.slice(0, MAX_SHOWN)}…` : name);

/**
 * @param from where the name was given, e.g. `--run-id`
 * @throws InvalidInputError
 */
export function checkRunName(name: string, from: string): void {
  if (!RUN_NAME.test(name))
    throw new InvalidInputError([{ file: from, message: 'no name for a run', expected: RUN_NAME_IN_WORDS, found: shown(name) }]);
}

/** @throws InvalidInputError */
export function checkScheduleName(name: string): void {
  if (!RUN_NAME.test(name) || name.length > LONGEST_SCHEDULE_NAME)
    throw new InvalidInputError([
      {
        file: 'schedule',
        message: 'no name for a schedule: names of its runs begin with it',
        expected: RUN_NAME_IN_WORDS.replace('120', String(LONGEST_SCHEDULE_NAME)),
        found: shown(name),
      },
    ]);
}
