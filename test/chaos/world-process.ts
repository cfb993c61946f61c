/** One world in a process of its own, since it sets environment variables: gets schedules as messages, answers with verdicts, ends with its starter. */
import type { WorldKind } from './faults.ts';
import type { Schedule } from './schedule.ts';
import { ChaosSuite } from './suite.ts';
import type { Verdict } from './verdict.ts';

export type WorldMessage = { readonly kind: 'open' } | { readonly kind: 'verdict'; readonly verdict: Verdict };

const tell = (message: WorldMessage): void => void process.send?.(message);

// Ctrl-C reaches the starter as well, which then lets go of this process.
process.on('SIGINT', () => undefined);
const released = new Promise<void>((resolve) => process.once('disconnect', resolve));
const suite = await ChaosSuite.open(process.argv[2] as WorldKind);
process.on('message', (schedule: Schedule) => void suite.judge(schedule).then((verdict) => tell({ kind: 'verdict', verdict })));
if (process.connected) {
  tell({ kind: 'open' });
  await released;
}
await suite.close();
process.exit(0);
