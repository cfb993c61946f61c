import type { V1Job } from '@kubernetes/client-node';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { QueueWords } from '../../../src/adapters/kubernetes/queue-words.ts';
import type { Workloads } from '../../../src/adapters/kubernetes/workloads.ts';
import { WAITS } from '../../../src/rules/durations.ts';

const job = (suspend: boolean): V1Job =>
  ({ metadata: { uid: 'u', labels: { 'kueue.x-k8s.io/queue-name': 'team-a' } }, spec: { suspend } }) as unknown as V1Job;
const queued = job(true);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('asks once for hundreds of Jobs, once a minute while some wait, and not at all when none does', async () => {
  const waiting = new Map<string, string>();
  const told: string[] = [];
  let asked = 0;
  const workloads = { wordsOfWaiting: () => Promise.resolve(new Map([['u', `asked ${++asked} times`]])) } as unknown as Workloads;
  const words = new QueueWords(workloads, { waiting: () => waiting, tell: (name) => told.push(name) });
  words.look();
  await vi.advanceTimersByTimeAsync(10 * WAITS.queueAskedAgainMs);
  expect(asked).toBe(0);
  for (let i = 0; i < 500; i++) {
    waiting.set(i === 7 ? 'u' : `u${i}`, `job-${i}`);
    words.look();
  }
  await vi.advanceTimersByTimeAsync(WAITS.queueAskedFirstMs);
  expect([asked, words.of(queued), told]).toEqual([1, 'asked 1 times', ['job-7']]);
  await vi.advanceTimersByTimeAsync(3 * WAITS.queueAskedAgainMs);
  expect([asked, words.of(queued)]).toEqual([4, 'asked 4 times']);
  expect(words.of(job(false))).toBeNull();
  waiting.clear();
  await vi.advanceTimersByTimeAsync(10 * WAITS.queueAskedAgainMs);
  expect([asked, words.of(queued)]).toEqual([4, null]);
  waiting.set('u', 'job-7');
  words.look();
  words.close();
  await vi.advanceTimersByTimeAsync(10 * WAITS.queueAskedAgainMs);
  expect(asked).toBe(4);
});
