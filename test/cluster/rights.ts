/** Service accounts with chosen rights, and kubeconfigs that act as them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import type { Cluster } from '../../deploy/dev-cluster/index.ts';
import { resourceName } from '../../src/adapters/kubernetes/permissions.ts';
import type { Permission } from '../../src/adapters/kubernetes/permissions.ts';

const RBAC = 'rbac.authorization.k8s.io';

/** Gives each account of the namespace exactly its rights, in one request to kubectl. */
export async function grant(cluster: Cluster, namespace: string, rights: Readonly<Record<string, readonly Permission[]>>): Promise<void> {
  const objects = Object.entries(rights).flatMap(([account, permissions]) => [
    ...roleFor(namespace, account, true, permissions),
    ...roleFor(namespace, account, false, permissions),
  ]);
  await cluster.kubectl(['apply', '-f', '-'], objects.map((object) => stringify(object)).join('---\n'));
}

function roleFor(namespace: string, account: string, namespaced: boolean, permissions: readonly Permission[]): object[] {
  const prefix = namespaced ? '' : 'Cluster';
  const metadata = namespaced ? { name: account, namespace } : { name: `${namespace}-${account}` };
  const rules = permissions
    .filter((permission) => permission.namespaced === namespaced && permission.verbs.length > 0)
    .map((permission) => ({ apiGroups: [permission.group], resources: [resourceName(permission)], verbs: [...permission.verbs] }));
  return [
    { apiVersion: `${RBAC}/v1`, kind: `${prefix}Role`, metadata, rules },
    {
      apiVersion: `${RBAC}/v1`,
      kind: `${prefix}RoleBinding`,
      metadata,
      roleRef: { apiGroup: RBAC, kind: `${prefix}Role`, name: metadata.name },
      subjects: [{ kind: 'ServiceAccount', name: account, namespace }],
    },
  ];
}

/** Path of a kubeconfig whose requests the API server takes for the account's (impersonation). */
export function kubeconfigAs(cluster: Cluster, namespace: string, account: string): string {
  const config = parse(readFileSync(cluster.kubeconfig, 'utf8')) as { users: { user: object }[] };
  for (const entry of config.users) entry.user = { ...entry.user, as: `system:serviceaccount:${namespace}:${account}` };
  const file = join(cluster.directory, `as-${namespace}-${account}`);
  writeFileSync(file, stringify(config), { mode: 0o600 });
  return file;
}
