/** What Kubernetes' strategic merge does to pod templates, for the lists that have a key. */
import type { Json } from '../contract/values.ts';

/** Lists whose items are merged by a key; others replace what was there. */
const LIST_KEYS: Readonly<Record<string, string>> = {
  containers: 'name',
  initContainers: 'name',
  ephemeralContainers: 'name',
  volumes: 'name',
  env: 'name',
  volumeMounts: 'mountPath',
  volumeDevices: 'devicePath',
  imagePullSecrets: 'name',
  hostAliases: 'ip',
  topologySpreadConstraints: 'topologyKey',
  ports: 'containerPort',
};
/** Appended to, as a person who adds a toleration expects. */
const APPENDED = new Set(['tolerations']);

type Tree = Readonly<Record<string, Json>>;

/** `null` in the overlay removes a field; `{ $patch: 'delete', name }` removes an item of a list. */
export function mergeOverlay(base: Json, overlay: Json, field = ''): Json {
  if (Array.isArray(base) && Array.isArray(overlay)) return mergeLists(base, overlay, field);
  if (!isTree(base) || !isTree(overlay)) return overlay;
  const merged: Record<string, Json> = { ...base };
  for (const [key, value] of Object.entries(overlay)) {
    if (value === null) delete merged[key];
    else merged[key] = merged[key] === undefined ? value : mergeOverlay(merged[key], value, key);
  }
  return merged;
}

function mergeLists(base: readonly Json[], overlay: readonly Json[], field: string): Json {
  if (APPENDED.has(field)) return [...base, ...overlay];
  const key = LIST_KEYS[field];
  if (key === undefined) return [...overlay];
  const result: Json[] = [...base];
  for (const item of overlay) {
    const at = result.findIndex((other) => isTree(other) && isTree(item) && other[key] === item[key]);
    const existing = result[at];
    if (isTree(item) && item.$patch === 'delete') {
      if (at >= 0) result.splice(at, 1);
    } else if (existing === undefined) result.push(item);
    else result[at] = mergeOverlay(existing, item);
  }
  return result;
}

function isTree(value: Json): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
