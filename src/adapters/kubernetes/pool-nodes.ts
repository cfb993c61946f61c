/** Which nodes would take a pool's Jobs: their labels by its selector, their taints by its tolerations. Pure. */
import type { V1Node } from '@kubernetes/client-node';
import type { Pool } from '../../contract/profile.ts';
import type { DoctorCheck } from '../../ports/doctor.ts';
import { tolerationsOf } from './machine.ts';

interface Taint {
  readonly key: string;
  readonly value?: string;
  readonly effect: string;
}

export function poolCheck(pool: Pool, nodes: readonly V1Node[]): DoctorCheck {
  const name = `pool ${pool.name}`;
  const wanted = Object.entries(pool.nodeSelector);
  const labels = wanted.map(([key, value]) => `${key}=${value}`).join(',');
  const fitting = nodes.filter((node) => wanted.every(([key, value]) => node.metadata?.labels?.[key] === value));
  if (fitting.length === 0) {
    const machine = pool.spot ? '--spot --node-taints=longhaul.dev/spot=true:NoSchedule' : '';
    return {
      name,
      // An autoscaler that is at zero has nothing to show, and adds nodes when Jobs wait.
      ok: true,
      unsure: true,
      detail: `no node has the labels ${labels || '(none)'} now; that is as it should be where an autoscaler adds nodes from zero, otherwise its Jobs wait for ever`,
      remedy: `gcloud container node-pools create ${pool.name} --cluster CLUSTER --location LOCATION --node-labels=${labels} ${machine} --enable-autoscaling --min-nodes=0 --max-nodes=10`,
    };
  }
  const open = fitting.filter((node) => refusals(pool, node).length === 0);
  if (open.length > 0) return { name, ok: true, detail: `${open.length} of ${nodes.length} nodes take its Jobs` };
  const taints = [
    ...new Set(fitting.flatMap((node) => refusals(pool, node)).map(({ key, value, effect }) => `${key}=${value ?? ''}:${effect}`)),
  ];
  const yaml = fitting
    .flatMap((node) => refusals(pool, node))
    .slice(0, 1)
    .map(({ key, value, effect }) => `{ key: ${key}, ${value ? `value: "${value}"` : 'operator: Exists'}, effect: ${effect} }`);
  return {
    name,
    ok: false,
    detail: `its ${fitting.length} nodes have taints that the pool does not tolerate: ${taints.join(', ')}`,
    remedy: `add to the pool in the profile: tolerations: [${yaml.join(', ')}]`,
  };
}

/** Taints of the node that keep Jobs of the pool away, also those that ask for its devices. */
function refusals(pool: Pool, node: V1Node): readonly Taint[] {
  const taints = (node.spec?.taints ?? []) as readonly Taint[];
  const tolerations = tolerationsOf({ pool, resources: { cpu: 0, memoryMb: 0, gpu: 1 } });
  return taints.filter(
    ({ key, value, effect }) =>
      effect !== 'PreferNoSchedule' &&
      !tolerations.some(
        (toleration) =>
          (toleration.key === undefined || toleration.key === key) &&
          (toleration.effect === undefined || toleration.effect === effect) &&
          (toleration.operator === 'Exists' || toleration.value === value),
      ),
  );
}
