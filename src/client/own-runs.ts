/** A client of a team (LONGHAUL_TEAM) finds no run of another one in the Temporal namespace that they share: a name that was meant for one's own changes nothing. */
import type { Connection, WorkflowClientInterceptor } from '@temporalio/client';
import { TASK_QUEUES } from '../contract/names.ts';
import { queueOf } from '../contract/teams.ts';
import type { Target } from './address.ts';
import { UnknownRunError } from './errors.ts';

type About = Pick<Target, 'namespace' | 'team'>;

export function ownRunsOnly(
  { workflowService }: Pick<Connection, 'workflowService'>,
  { namespace, team = null }: About,
): WorkflowClientInterceptor[] {
  if (team === null) return [];
  const own = queueOf(team, TASK_QUEUES.control);
  const known = new Set<string>();
  const check = async (workflowId: string): Promise<void> => {
    if (known.has(workflowId)) return;
    const described = await workflowService.describeWorkflowExecution({ namespace, execution: { workflowId } }).catch(() => null);
    // What cannot be looked at, the call itself says.
    if (described === null) return;
    if (described.executionConfig?.taskQueue?.name !== own) throw new UnknownRunError(workflowId);
    known.add(workflowId);
  };
  const checked = async <I extends { readonly workflowExecution: { readonly workflowId?: string | null } }, R>(
    input: I,
    next: (input: I) => Promise<R>,
  ): Promise<R> => {
    await check(input.workflowExecution.workflowId ?? '');
    return next(input);
  };
  return [{ query: checked, signal: checked, startUpdate: checked, cancel: checked, terminate: checked, describe: checked }];
}
