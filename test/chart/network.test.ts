import { describe, expect, it } from 'vitest';
import type { Rendered } from './rendered.ts';
import { podsOf, rendered } from './rendered.ts';

interface Rule {
  readonly ports?: readonly { readonly port: number }[];
  readonly to?: readonly {
    readonly ipBlock?: { readonly cidr: string };
    readonly namespaceSelector?: object;
    readonly podSelector?: object;
  }[];
  readonly from?: readonly object[];
}
interface Policy {
  readonly podSelector: { readonly matchLabels: Readonly<Record<string, string>> };
  readonly ingress: readonly Rule[];
  readonly egress: readonly Rule[];
}

const policiesOf = (objects: readonly Rendered[]): Readonly<Record<string, Policy>> =>
  Object.fromEntries(
    objects.filter(({ kind }) => kind === 'NetworkPolicy').map(({ metadata, spec }) => [metadata.name, spec as unknown as Policy]),
  );
const policies = async (values: object = {}): Promise<Readonly<Record<string, Policy>>> => policiesOf(await rendered(values));
/** Ports open to any address. */
const anywhere = ({ egress }: Policy): readonly number[] =>
  egress.flatMap(({ to, ports = [] }) => (to ? [] : ports.map(({ port }) => port)));
const ranges = ({ egress }: Policy, wanted: number): readonly string[] =>
  egress.flatMap(({ to = [], ports = [] }) =>
    ports.some(({ port }) => port === wanted) ? to.flatMap(({ ipBlock }) => ipBlock?.cidr ?? []) : [],
  );

describe('NetworkPolicies of the chart', () => {
  it('let nobody go anywhere but workers to Temporal, whose address they do not know', async () => {
    const { x, 'x-jobs': jobs, 'x-tensorboard': tensorboard, ...others } = await policies();
    expect(others).toEqual({});
    if (!x || !jobs || !tensorboard) throw new Error('a policy is missing');
    expect([x, jobs, tensorboard].map(anywhere)).toEqual([[7233], [], []]);
    for (const one of [x, jobs, tensorboard]) {
      expect(ranges(one, 443)).toEqual(expect.arrayContaining(['199.36.153.4/30', '199.36.153.8/30']));
      expect(ranges(one, 80)).toEqual(['169.254.169.252/32', '169.254.169.254/32']);
      expect(JSON.stringify(one.egress.find(({ ports }) => ports?.some(({ port }) => port === 53))?.to)).toContain('kube-system');
    }
    // The API server is the workers' alone.
    expect([x, jobs, tensorboard].map((one) => ranges(one, 6443).length > 0)).toEqual([true, false, false]);
  });

  it('name Temporal and the API server where their addresses are known', async () => {
    const to = [{ ipBlock: { cidr: '10.9.8.7/32' } }];
    const { x } = await policies({ 'networkPolicy.temporal': { to, ports: [7233] }, 'networkPolicy.apiServer': { to, ports: [443] } });
    if (!x) throw new Error('no policy');
    expect(anywhere(x)).toEqual([]);
    expect([ranges(x, 7233), ranges(x, 443).includes('10.9.8.7/32')]).toEqual([['10.9.8.7/32'], true]);
  });

  it('let machines of a trial find each other, and visitors come to what is theirs', async () => {
    const visitors = [{ namespaceSelector: { matchLabels: { ingress: 'yes' } } }];
    const { x, 'x-jobs': jobs, 'x-tensorboard': tensorboard } = await policies({ 'networkPolicy.visitors': visitors });
    const gang = [{ podSelector: { matchLabels: { 'app.kubernetes.io/managed-by': 'longhaul' } } }];
    expect(jobs?.ingress).toEqual([{ from: gang }]);
    expect(jobs?.egress).toContainEqual({ to: gang });
    expect(tensorboard?.ingress).toEqual([{ ports: [{ port: 6006 }], from: visitors }]);
    expect(x?.ingress.map(({ from }) => from)).toEqual([undefined, visitors]);
  });

  it('hold for every pod of the chart', async () => {
    const objects = await rendered();
    const wanted = policiesOf(objects)['x']?.podSelector.matchLabels;
    for (const [part, pod] of podsOf(objects)) expect(pod.metadata.labels, part).toMatchObject(wanted ?? { none: 'there' });
  });

  it('still open the ports that values of 0.1.0 name', async () => {
    const { x, 'x-jobs': jobs } = await policies({ 'networkPolicy.egressPorts': [443] });
    expect([x, jobs].map((one) => (one ? anywhere(one).includes(443) : false))).toEqual([true, true]);
  });
});
