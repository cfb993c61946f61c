/** Objects that the chart makes of values. */
import { parseAllDocuments } from 'yaml';
import { CHART, helm } from '../cluster/chart.ts';

interface Container {
  readonly name: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
}

export interface Pod {
  readonly metadata: { readonly labels: Readonly<Record<string, string>> };
  readonly spec: Readonly<Record<string, unknown>> & {
    readonly serviceAccountName: string;
    readonly containers: readonly Container[];
    readonly volumes: readonly { readonly name: string; readonly ephemeral?: object; readonly emptyDir?: object }[];
  };
}

export interface Rendered {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> };
  readonly data?: Readonly<Record<string, string>>;
  readonly rules?: readonly {
    readonly apiGroups: readonly string[];
    readonly resources: readonly string[];
    readonly verbs: readonly string[];
  }[];
  readonly subjects?: readonly { readonly name: string }[];
  readonly roleRef?: { readonly name: string };
  readonly spec?: Readonly<Record<string, unknown>>;
}

/** Release `x` in namespace `north`. @throws Error with Helm's words */
export async function rendered(values: object = {}): Promise<readonly Rendered[]> {
  const settings = Object.entries(values).flatMap(([key, value]) => ['--set-json', `${key}=${JSON.stringify(value)}`]);
  const text = await helm(['template', 'x', CHART, '--namespace', 'north', '--kube-version', '1.35.0', ...settings]);
  return parseAllDocuments(text).flatMap((each) => (each.toJS() as Rendered | null) ?? []);
}

/** By component. */
export function podsOf(objects: readonly Rendered[]): ReadonlyMap<string, Pod> {
  const pods = objects.flatMap(({ kind, spec }) => {
    if (kind === 'CronJob') return [(spec?.['jobTemplate'] as { spec: { template: Pod } }).spec.template];
    return kind === 'Deployment' || kind === 'Job' ? [spec?.['template'] as Pod] : [];
  });
  return new Map(pods.map((pod) => [pod.metadata.labels['app.kubernetes.io/component'] ?? '', pod]));
}

/** All that the chart can make. */
export const EVERYTHING = {
  codecServer: { enabled: true, existingSecret: 'codec', origins: ['https://temporal.example.com'] },
  'console.ingress': { enabled: true, hosts: ['longhaul.example.com'], tls: [{ hosts: ['longhaul.example.com'], secretName: 'tls' }] },
  'console.httpRoute': { enabled: true, parentRefs: [{ name: 'gateway' }], hostnames: ['runs.example.com'] },
  'metrics.podMonitoring': { enabled: true },
  'metrics.serviceMonitor': { enabled: true },
  'metrics.alerts': { enabled: true },
  'doctor.profile': { compute: { kind: 'kubernetes' } },
};
