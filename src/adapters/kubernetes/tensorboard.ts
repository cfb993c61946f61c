import { AdapterError } from '../../contract/errors.ts';
import { tensorboardName } from '../../contract/ids.ts';
import type { TensorboardPlace, Tensorboards, TensorboardSpec } from '../../ports/tensorboard.ts';
import { openClient } from './client.ts';
import type { KubernetesConfig } from './client.ts';
import { hasStatus, translate } from './errors.ts';
import { MAIN_CONTAINER, shaped } from './job-manifest.ts';
import { labelValue } from './labels.ts';
import { CONTAINER_SECURITY, POD_SECURITY } from '../../rules/pod-security.ts';
import { GRACES } from '../../rules/durations.ts';

const PORT = 6006;

/** A Deployment and a Service a pipeline and home, from the profile's image; whoever starts it again finds it as it is. */
export function openKubernetesTensorboards(config: KubernetesConfig): Tensorboards {
  const client = openClient(config);
  const translated = async <T>(pipeline: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw error instanceof AdapterError ? error : translate(error, `TensorBoard of ${pipeline}`, config.namespace);
    }
  };
  return {
    start: (spec) =>
      translated(spec.pipeline, async () => {
        const name = tensorboardName(spec.pipeline, spec.home);
        await client.apply(`/apis/apps/v1/namespaces/${client.namespace}/deployments/${name}`, deployment(spec, config));
        await client.apply(`/api/v1/namespaces/${client.namespace}/services/${name}`, service(spec));
        return `http://${name}.${client.namespace}.svc/`;
      }),
    stop: ({ pipeline, home }) =>
      translated(pipeline, async () => {
        const name = tensorboardName(pipeline, home);
        for (const path of [`/apis/apps/v1/namespaces/${client.namespace}/deployments`, `/api/v1/namespaces/${client.namespace}/services`])
          await client.request('DELETE', `${path}/${name}`).catch((error: unknown) => {
            if (!hasStatus(error, 404)) throw error;
          });
      }),
  };
}

const labelsOf = ({ pipeline, home }: TensorboardPlace): Record<string, string> => ({
  'app.kubernetes.io/name': 'tensorboard',
  'longhaul.dev/pipeline': labelValue(pipeline),
  ...(home === undefined ? {} : { 'longhaul.dev/home': home }),
});

function deployment(spec: TensorboardSpec, config: KubernetesConfig): object {
  const labels = labelsOf(spec);
  const template = {
    metadata: { labels: { ...config.labels, ...labels }, annotations: config.annotations },
    spec: {
      automountServiceAccountToken: false,
      ...(config.serviceAccount === undefined ? {} : { serviceAccountName: config.serviceAccount }),
      ...(config.imagePullSecrets.length > 0 ? { imagePullSecrets: config.imagePullSecrets.map((name) => ({ name })) } : {}),
      securityContext: POD_SECURITY,
      containers: [
        {
          name: MAIN_CONTAINER,
          image: config.image,
          imagePullPolicy: config.imagePullPolicy,
          // The quick loader knows no store but files.
          command: ['python', '-m', 'tensorboard.main', '--logdir', spec.logdir, '--port', String(PORT), '--bind_all', '--load_fast=false'],
          env: Object.entries(config.env).map(([name, value]) => ({ name, value })),
          ports: [{ name: 'http', containerPort: PORT }],
          readinessProbe: { httpGet: { path: '/', port: PORT }, periodSeconds: GRACES.readinessSeconds },
          resources: { requests: { cpu: '100m', memory: '512Mi' }, limits: { memory: '2Gi' } },
          securityContext: CONTAINER_SECURITY,
        },
      ],
    },
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: tensorboardName(spec.pipeline, spec.home), labels },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: shaped(template, config),
    },
  };
}

const service = (spec: TensorboardSpec): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: tensorboardName(spec.pipeline, spec.home), labels: labelsOf(spec) },
  spec: { selector: labelsOf(spec), ports: [{ name: 'http', port: 80, targetPort: PORT }] },
});
