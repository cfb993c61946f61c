/** Advice about sizes in words. */
import type { LedgerRow } from '../contract/ledger.ts';
import type { RunDocument } from '../contract/run-document.ts';
import { withUnit } from '../contract/units.ts';
import { sizeAdvice, type MachinePrices, type SizeAdvice } from '../rules/size-advice.ts';
import { money, short } from './format.ts';

/** Of each search of the run that had attempts. */
export function adviceOf(
  { steps, profile }: Pick<RunDocument, 'steps' | 'profile'>,
  attempts: readonly LedgerRow<'attempts'>[],
  machines: MachinePrices = {},
): readonly SizeAdvice[] {
  return steps.flatMap(({ id, spec }) => {
    const own = attempts.filter((row) => row.step === id);
    if (spec.kind !== 'search' || own.length === 0) return [];
    const { nodes = 1, ...resources } = spec.resources;
    return [sizeAdvice({ step: id, resources, threads: spec.threads, nodes, attempts: own, pools: profile.pools, machines })];
  });
}

/** The first line says what was used, the others what would do, what else was seen and what is not known. */
export function adviceLines({ used, requested, advised, pools, notes }: SizeAdvice, currency: string): string[] {
  const memory = (mb: number): string => withUnit(Math.round(mb), 'Mi');
  const less = [
    ...(advised.cpu === requested.cpu ? [] : [`${short(advised.cpu)} cores instead of ${short(requested.cpu)}`]),
    ...(advised.memoryMb === requested.memoryMb ? [] : [`${memory(advised.memoryMb)} of memory instead of ${memory(requested.memoryMb)}`]),
  ];
  return [
    ...(used === null
      ? []
      : [
          `used ${short(used.cpu)} of ${short(requested.cpu)} cores (peak ${short(used.cpuPeak)}), at most ${memory(used.memoryPeakMb)} of ${memory(requested.memoryMb)} of memory${used.gpu === null ? '' : `, GPUs ${Math.round(used.gpu * 100)} % of the time`}`,
        ]),
    ...(less.length === 0 ? [] : [`would do: ${less.join(', ')}`]),
    ...pools.map(
      ({ pool, machine, instead, saved }) =>
        `pool ${pool}: ${instead} would do instead of ${machine}, ${money(saved, currency)} less for what this run used`,
    ),
    ...notes,
  ];
}
