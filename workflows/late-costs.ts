/** What an attempt costs after its trial went on without it: its machines are paid until their end, which another workflow sees. */
import { defineSignal, getExternalWorkflowHandle, workflowInfo } from '@temporalio/workflow';
import type { AttemptMoney } from '../src/contract/attempts.ts';
import { INTERNAL_SIGNALS } from '../src/contract/names.ts';

export const attemptCostSignal = defineSignal<[AttemptMoney]>(INTERNAL_SIGNALS.attemptCost);

/** A trial that has ended meanwhile does not hear of it: the ledger's row of the attempt has all. */
export async function tellTrial(total: AttemptMoney, counted: AttemptMoney): Promise<void> {
  const trial = workflowInfo().parent?.workflowId;
  if (trial === undefined) return;
  const rest: AttemptMoney = {
    cost: total.cost - counted.cost,
    onDemandCost: total.onDemandCost - counted.onDemandCost,
    lostCost: total.lostCost - counted.lostCost,
  };
  await getExternalWorkflowHandle(trial)
    .signal(attemptCostSignal, rest)
    .catch(() => undefined);
}

export function countMoney(sums: { -readonly [amount in keyof AttemptMoney]: number }, more: AttemptMoney): void {
  sums.cost += more.cost;
  sums.onDemandCost += more.onDemandCost;
  sums.lostCost += more.lostCost;
}
