/** Objects of a small API server: versions, selectors, and the history that watches are told from. */
interface Meta {
  name: string;
  uid: string;
  resourceVersion: string;
  creationTimestamp: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
}
export interface Thing {
  metadata: Meta;
  spec: Record<string, unknown>;
  status: Record<string, unknown>;
}
export type Resource = 'jobs' | 'pods' | 'nodes' | 'events' | 'services' | 'workloads';
export interface Change {
  readonly resource: Resource;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly version: number;
  readonly object: Thing;
}

export class Objects {
  readonly #things = new Map<string, Thing>();
  readonly #history: Change[] = [];
  readonly #listeners = new Set<(change: Change) => void>();
  #version = 1;

  get version(): number {
    return this.#version;
  }

  get(resource: Resource, name: string): Thing | undefined {
    const found = this.#things.get(`${resource}/${name}`);
    return found && structuredClone(found);
  }

  list(resource: Resource, selector = ''): Thing[] {
    const found = [...this.#things].filter(([key, thing]) => key.startsWith(`${resource}/`) && matches(thing, selector));
    return found.map(([, thing]) => structuredClone(thing));
  }

  add(resource: Resource, thing: Pick<Thing, 'spec'> & { metadata: Partial<Meta> & { name: string }; status?: Thing['status'] }): Thing {
    const metadata = { ...thing.metadata, uid: crypto.randomUUID(), creationTimestamp: stamp(), resourceVersion: '' };
    return this.#put(resource, 'ADDED', { status: {}, ...structuredClone(thing), metadata });
  }

  /** Nothing where it is not there any more. */
  change(resource: Resource, name: string, edit: (thing: Thing) => void): Thing | undefined {
    const thing = this.get(resource, name);
    if (!thing) return undefined;
    edit(thing);
    return this.#put(resource, 'MODIFIED', thing);
  }

  remove(resource: Resource, name: string): void {
    const thing = this.get(resource, name);
    if (!thing) return;
    this.#put(resource, 'DELETED', thing);
    this.#things.delete(`${resource}/${name}`);
  }

  /** What came after a version, and what comes from now on. */
  subscribe(from: number, listener: (change: Change) => void): () => void {
    for (const change of this.#history) if (change.version > from) listener(change);
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #put(resource: Resource, type: Change['type'], thing: Thing): Thing {
    thing.metadata.resourceVersion = String(++this.#version);
    this.#things.set(`${resource}/${thing.metadata.name}`, thing);
    const change = { resource, type, version: this.#version, object: structuredClone(thing) };
    this.#history.push(change);
    for (const listener of [...this.#listeners]) listener(change);
    return structuredClone(thing);
  }
}

export function matches({ metadata }: Thing, selector: string): boolean {
  return selector
    .split(',')
    .filter(Boolean)
    .every((term) => {
      const [key = '', value] = term.split('=');
      return metadata.labels?.[key] === value;
    });
}

/** Whole seconds, as Kubernetes writes them. */
export const stamp = (at = Date.now()): string => `${new Date(at).toISOString().slice(0, 19)}Z`;

export function merge(target: Record<string, unknown>, patch: Readonly<Record<string, unknown>>): void {
  for (const [key, value] of Object.entries(patch)) {
    const own = target[key];
    if (value === null) delete target[key];
    else if (isTree(value)) merge((target[key] = isTree(own) ? own : {}), value);
    else target[key] = value;
  }
}

const isTree = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
