/** Teams that share a Temporal namespace: each has task queues of its own, and workers that serve them by a policy of its own. */
import { InvalidInputError } from './errors.ts';
import { TASK_QUEUES } from './names.ts';

/** It begins names of task queues and of worker deployments. */
const TEAM = /^(?!longhaul(?:-|$))[a-z](?:[a-z0-9-]{0,28}[a-z0-9])?$/;
const TEAM_IN_WORDS = "lower-case letters, digits and '-', a letter first, at most 30, and not one that begins with 'longhaul'";

/** @returns null: none */
export type Team = string | null;

/** @throws InvalidInputError of a name that none can have */
export function teamOf(environment: Readonly<Record<string, string | undefined>>): Team {
  const name = environment.LONGHAUL_TEAM ?? '';
  if (name === '') return null;
  if (TEAM.test(name)) return name;
  throw new InvalidInputError([
    { file: 'LONGHAUL_TEAM', message: 'no name for a team', expected: TEAM_IN_WORDS, found: JSON.stringify(name) },
  ]);
}

/** `north-longhaul-control` of `longhaul-control` */
export const queueOf = (team: Team, queue: string): string => (team === null ? queue : `${team}-${queue}`);

/** Of the control queue that a workflow runs on. */
export function teamOfQueue(controlQueue: string): Team {
  const end = `-${TASK_QUEUES.control}`;
  return controlQueue.endsWith(end) ? controlQueue.slice(0, -end.length) : null;
}
