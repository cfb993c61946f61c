/** What a failure means for the exit code and for the person who reads the message. */
import { CommanderError } from 'commander';
import { CannotConnectError, RefusedError, RunFailedError, UnknownRunError } from '../client/errors.ts';
import { KeyRingError } from '../codec/keys.ts';
import { fileProblem } from '../contract/file-problems.ts';
import { AdapterError, ERRORS, InvalidInputError, formatProblem } from '../contract/errors.ts';
import type { Terminal } from './terminal.ts';

/** docs/cli.md */
export const EXIT = { ok: 0, failed: 1, badInput: 2, refused: 3, cannotConnect: 4, different: 5, interrupted: 130 } as const;

/** Thrown when an option or argument makes no sense in a way that commander cannot know. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.badInput;
  if (
    error instanceof InvalidInputError ||
    error instanceof UsageError ||
    error instanceof UnknownRunError ||
    error instanceof KeyRingError
  )
    return EXIT.badInput;
  if (error instanceof AdapterError) return error.type === 'InvalidInput' || error.type === 'InvalidQuery' ? EXIT.badInput : EXIT.failed;
  if (error instanceof RunFailedError && isRefusedInput(error)) return EXIT.badInput;
  if (isSetupError(error)) return error.exitCode;
  if (error instanceof RefusedError) return EXIT.refused;
  if (error instanceof CannotConnectError) return EXIT.cannotConnect;
  return fileProblem(error) ? EXIT.badInput : EXIT.failed;
}

/** What only the workers can know of a document, as of a sampler, is bad input all the same: nothing of it was begun. */
const isRefusedInput = ({ status, result, type }: RunFailedError): boolean =>
  status === 'failed' && result === null && (type === 'InvalidInput' || type === 'InvalidDocument');

/** Prints the failure; returns the exit code. */
export function report(error: unknown, terminal: Terminal, json: boolean): number {
  const code = exitCodeOf(error);
  // Commander has printed its own message.
  if (error instanceof CommanderError) return code;
  if (json) terminal.say(JSON.stringify({ error: describe(error) }));
  else if (error instanceof InvalidInputError)
    for (const problem of error.problems) terminal.say(`${terminal.talk.red('error')} ${formatProblem(problem)}`);
  else terminal.say(`${terminal.talk.red('error')} ${messageOf(error)}`);
  if (process.env.LONGHAUL_DEBUG && error instanceof Error) terminal.say(error.stack ?? '');
  return code;
}

function describe(error: unknown): object {
  const type =
    error instanceof RunFailedError || error instanceof AdapterError ? error.type : error instanceof Error ? error.name : 'Error';
  const problems = error instanceof InvalidInputError ? { problems: error.problems } : {};
  return { type, message: inWords(error) ?? (error instanceof Error ? error.message : String(error)), ...problems };
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const words = inWords(error);
  if (words !== null) return words;
  const type = error instanceof RunFailedError || error instanceof AdapterError ? error.type : null;
  const advice = type !== null && Object.hasOwn(ERRORS, type) ? `\n    ${ERRORS[type as keyof typeof ERRORS].advice}` : '';
  const expected =
    type !== null ||
    error instanceof UsageError ||
    isSetupError(error) ||
    error instanceof RefusedError ||
    error instanceof CannotConnectError ||
    error instanceof UnknownRunError ||
    error instanceof KeyRingError;
  // Something that nobody foresaw: the message may say little, so tell how to see more.
  return `${error.message}${advice}${expected ? '' : '\n    (LONGHAUL_DEBUG=1 shows where)'}`;
}

/** What the file system refused, which anybody may meet: no programmer's message. */
function inWords(error: unknown): string | null {
  const found = fileProblem(error);
  return found === null ? null : `${found.path === '' ? '' : `${found.path}: `}${found.message}`;
}

/** Of bin/setup-tools.mjs: a sentence for people. */
const isSetupError = (error: unknown): error is Error & { readonly exitCode: number } =>
  error instanceof Error && error.name === 'SetupError' && 'exitCode' in error;
