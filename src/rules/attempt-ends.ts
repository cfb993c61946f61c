/** Makes a verdict of the signs that an attempt left (DESIGN.md §5). Pure and free of imports of values. */
import type { AttemptVerdict, JobEnd } from '../contract/jobs.ts';

/** What the object store and we ourselves know besides the Job's end. */
interface EndEvidence {
  readonly attempt: number;
  /** `checkpoints/LATEST`. */
  readonly latest: { readonly attempt: number; readonly reason: string; readonly samples: number } | null;
  /** `result.json` is there. */
  readonly hasResult: boolean;
  /** We sent the SIGTERM. */
  readonly stopRequested: boolean;
  /** Seconds without progress after which we removed the Job. */
  readonly silentSeconds: number | null;
  /** Higher number of an attempt that writes to the same output. */
  readonly newerAttempt: number | null;
  /** Its program keeps to the trial contract, where 75 says that a later attempt has taken over; of any other one 75 is its own. */
  readonly isTrial: boolean;
  /** An attempt with the same image, code and volumes has trained before: what keeps another one from its start passes. */
  readonly hasTrained?: boolean;
  /** The run has pulled that image before: whatever its registry answers now passes. */
  readonly hadImage?: boolean;
}

interface Judged {
  readonly verdict: AttemptVerdict;
  readonly cause: string;
  /** What has to come back before it is worth trying again; absent: a machine, or nothing. */
  readonly awaits?: 'registry';
}

/** How the cause of an attempt begins that waits for its image; its pool had a machine. */
export const AWAITS_REGISTRY = 'waiting for the registry: ';

const SYSEXITS = { first: 64, last: 78 };
/** EX_TEMPFAIL: a trainer saw that a later attempt has taken over; another program that it may go well the next time. */
const FENCED_EXIT = 75;
export const SIGTERM_EXIT = 143;
export const SIGKILL_EXIT = 137;

export const isSysexit = (code: number | null): boolean => code !== null && code >= SYSEXITS.first && code <= SYSEXITS.last;

const SYSEXIT_MEANING: Readonly<Record<number, string>> = {
  64: 'wrong usage',
  65: 'bad data',
  66: 'an input is missing',
  69: 'a service is unavailable',
  70: 'an internal error',
  73: 'an output cannot be written',
  74: 'an input/output error',
  77: 'permission denied',
  78: 'wrong configuration',
};

/**
 * @example classifyEnd(end, evidence).verdict === 'preempted'
 */
export function classifyEnd(end: JobEnd, evidence: EndEvidence): Judged {
  const committed = evidence.latest?.attempt === evidence.attempt && evidence.latest.reason === 'sigterm';
  const where = end.node ? ` on ${end.node}` : '';

  if ((evidence.isTrial && end.exitCode === FENCED_EXIT) || (evidence.newerAttempt !== null && evidence.newerAttempt > evidence.attempt))
    return { verdict: 'fenced', cause: 'a later attempt writes to the same output' };
  if (end.exitCode === 0 && evidence.hasResult) return { verdict: 'succeeded', cause: 'finished' };
  // It is written last: whatever took the Job away came later.
  if (end.exitCode === null && end.notStarted === null && evidence.hasResult)
    return { verdict: 'succeeded', cause: `finished; how its Job ended is not known${end.message && `: ${end.message}`}` };
  if (evidence.silentSeconds !== null && end.exitCode !== 0)
    return { verdict: 'silent', cause: `no progress record for ${evidence.silentSeconds} s${where}` };
  if (end.notStarted) {
    if (evidence.stopRequested) return { verdict: 'stopped', cause: 'stopped before it started' };
    const { reason, message, passes = false } = end.notStarted;
    if (reason === 'image' && (passes || evidence.hasTrained === true || evidence.hadImage === true))
      return { verdict: 'no-capacity', cause: `${AWAITS_REGISTRY}${message}`, awaits: 'registry' };
    return reason === 'no-capacity' || reason === 'quota' || evidence.hasTrained === true
      ? { verdict: 'no-capacity', cause: message }
      : { verdict: 'bad-input', cause: message };
  }
  const sysexit = sysexitOf(end.exitCode);
  if (sysexit !== null)
    return { verdict: 'bad-input', cause: `exit code ${sysexit}: ${SYSEXIT_MEANING[sysexit] ?? 'input, data or configuration is wrong'}` };
  if (evidence.stopRequested)
    return {
      verdict: 'stopped',
      cause: committed ? 'stopped with a checkpoint' : `stopped${end.exitCode === null ? '' : `, exit code ${end.exitCode}`}`,
    };
  if (end.outOfMemory) return { verdict: 'out-of-memory', cause: `out of memory${where}` };
  if (end.outOfDisk !== null) return { verdict: 'crashed', cause: `out of disk${where}: ${end.outOfDisk}` };
  if (end.disruption) return { verdict: 'preempted', cause: `${end.disruption}${where}` };
  if (end.nodeLost) return { verdict: 'preempted', cause: `the node is gone or silent${where}` };
  if (committed && (end.exitCode === SIGTERM_EXIT || end.exitCode === 0))
    return { verdict: 'preempted', cause: `SIGTERM that we did not send, checkpoint committed${where}` };
  if (end.deletedByOther) return { verdict: 'deleted', cause: `deleted by someone${where}` };
  if (end.state === 'lost') return { verdict: 'deleted', cause: 'the Job is not there any more' };
  if (end.deadlineExceeded) return { verdict: 'crashed', cause: `longer than the attempt's deadline${where}` };
  if (end.exitCode === 0) return { verdict: 'crashed', cause: 'exit code 0 without result.json' };
  if (end.signal && end.signal !== 'SIGTERM') return { verdict: 'crashed', cause: `killed by ${end.signal}${where}` };
  if (end.exitCode === SIGKILL_EXIT) return { verdict: 'crashed', cause: `killed (exit code 137)${where}` };
  if (end.exitCode === SIGTERM_EXIT || end.signal === 'SIGTERM')
    return { verdict: 'crashed', cause: `SIGTERM that we did not send, without a checkpoint${where}` };
  return {
    verdict: 'crashed',
    cause: end.exitCode === null ? end.message || 'ended without an exit code' : `exit code ${end.exitCode}${where}`,
  };
}

function sysexitOf(code: number | null): number | null {
  return isSysexit(code) && code !== FENCED_EXIT ? code : null;
}
