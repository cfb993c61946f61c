/** Seconds from `longhaul run` (servers up) to the moment at which the first step's work begins. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { startStack } from '../../src/stack/stack.ts';
import { connect } from '../../src/client/index.ts';
import { noopDocument } from './noop.ts';

const CLI = resolve(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts');
const ROUNDS = 3;

/** @returns the median of a few rounds */
export async function measureFirstStep(folder: string): Promise<number> {
  const stack = await startStack({ directory: folder });
  try {
    await stack.ready;
    const longhaul = await connect({ directory: folder });
    try {
      const seconds: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const document = join(folder, `run-${round}.json`);
        writeFileSync(document, JSON.stringify(noopDocument(folder, 1)));
        const before = Date.now();
        const run = await detached(folder, document);
        await longhaul.run(run).result();
        const { events } = await longhaul.client.workflow.getHandle(run).fetchHistory();
        seconds.push((workStartedAt(events ?? []) - before) / 1000);
      }
      return seconds.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? 0;
    } finally {
      await longhaul.close();
    }
  } finally {
    await stack.stop();
  }
}

async function detached(folder: string, document: string): Promise<string> {
  const child = spawn(process.execPath, [CLI, 'run', document, '--detach'], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (data: Buffer) => (output += data.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`longhaul run ended with ${code ?? 'a signal'}`);
  return output.trim();
}

type HistoryEvents = NonNullable<
  Awaited<ReturnType<ReturnType<Awaited<ReturnType<typeof connect>>['client']['workflow']['getHandle']>['fetchHistory']>>['events']
>;

function workStartedAt(events: HistoryEvents): number {
  const scheduled = events.find((event) => event.activityTaskScheduledEventAttributes?.activityType?.name === 'runStepJob');
  const started = events.find(
    (event) => scheduled && event.activityTaskStartedEventAttributes?.scheduledEventId?.equals(scheduled.eventId ?? -1),
  );
  const time = started?.eventTime;
  if (!time) throw new Error('the run has no activity runStepJob');
  return Number(time.seconds) * 1000 + (time.nanos ?? 0) / 1e6;
}
