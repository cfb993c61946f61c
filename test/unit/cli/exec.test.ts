import { expect, it } from 'vitest';
import { commandFor } from '../../../src/cli/commands/exec.ts';
import { Compute } from '../../../src/contract/profile.ts';

it('is the line that somebody who may types', () => {
  const compute = Compute.parse({ kind: 'kubernetes', image: 't:1', namespace: 'ml', context: 'prod', kubeconfig: '/k' });
  expect(commandFor({ compute }, 'run-1-search-t4-a1', ['sh'], true).line.join(' ')).toBe(
    'kubectl --kubeconfig=/k --context=prod --namespace=ml exec -it job/run-1-search-t4-a1 --container=main -- sh',
  );
  expect(commandFor({ compute }, 'j', ['nvidia-smi'], false).line).toContain('-i');
  expect(commandFor({ compute: Compute.parse({ kind: 'process', path: '/jobs' }) }, 'j', ['sh'], true)).toEqual({
    line: ['sh'],
    folder: '/jobs/j/work',
  });
});
