/**
 * What Temporal Cloud bills, as a real server counts it: its counter `action`, by kind. Starts, signals, updates, queries and heartbeats that
 * reach it (`grpc_…`), and what workflows command: activities, timers, children (two each), search attributes, signals to others, markers
 * (`command_…`). https://docs.temporal.io/cloud/actions. Polls, describing, lists, histories and the words of workers that they live are not billed.
 */

export type Actions = Readonly<Record<string, number>>;

/** By kind, since the server started. */
export async function actionsOf(metrics: string): Promise<Actions> {
  const actions: Record<string, number> = {};
  for (const line of (await (await fetch(metrics)).text()).split('\n')) {
    const [, labels = '', value = ''] = /^action\{(.*)\} (\S+)$/.exec(line) ?? [];
    const kind = /action_type="([^"]+)"/.exec(labels)?.[1];
    if (kind !== undefined && labels.includes('namespace="default"')) actions[kind] = (actions[kind] ?? 0) + Number(value);
  }
  return actions;
}

export function between(before: Actions, after: Actions): Actions {
  const entries = Object.entries(after).map(([kind, value]) => [kind, value - (before[kind] ?? 0)] as const);
  return Object.fromEntries(entries.filter(([, value]) => value > 0));
}

export const sum = (actions: Actions, of: (kind: string) => boolean = () => true): number =>
  Object.entries(actions).reduce((total, [kind, value]) => total + (of(kind) ? value : 0), 0);

/** Questions to workflows: what looking on costs. */
export const isQuestion = (kind: string): boolean => /QueryWorkflow|UpdateWorkflow/.test(kind);
