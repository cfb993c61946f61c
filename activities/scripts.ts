/** Scripts of steps, kept in the object store once, so that each attempt of a step only names its own. */
import type { Profile, ScriptSpec } from '../src/contract/index.ts';
import { keepScript } from '../src/cache/scripts.ts';
import type { Ports } from '../src/ports/index.ts';
import { translated } from './failures.ts';
import { withHeartbeat } from './heartbeat.ts';

export const createScriptActivities = (ports: Ports) =>
  translated({
    /** @returns the URI of the script */
    async keepScript({ profile, spec }: { readonly profile: Profile; readonly spec: ScriptSpec }): Promise<string> {
      return withHeartbeat(async () => keepScript(await ports.store(profile), spec));
    },
  });
export type ScriptActivities = ReturnType<typeof createScriptActivities>;
