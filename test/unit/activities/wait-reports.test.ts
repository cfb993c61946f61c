import { expect, it } from 'vitest';
import { WaitReports, troubleText } from '../../../activities/wait-reports.ts';

const MINUTE = 60_000;
const waiting = (message: string) => ({ phase: 'pending', message, node: null, startedAt: null }) as const;
const RUNNING = { phase: 'running', message: null, node: 'n', startedAt: 0 } as const;

function open() {
  let now = 0;
  const told: (string | null)[] = [];
  const since: (number | undefined)[] = [];
  const reports = new WaitReports(
    (wait) => {
      told.push(wait.waiting);
      since.push(wait.since);
    },
    () => now,
  );
  const after = (minutes: number): void => {
    for (const end = now + minutes * MINUTE; now < end; now += MINUTE / 6) reports.beat();
  };
  return { told, since, reports, after };
}

it('says nothing of a wait that passes', () => {
  const { told, reports, after } = open();
  reports.status(waiting('0/3 nodes are available'));
  after(1);
  expect(reports.details).toEqual({ waiting: '0/3 nodes are available' });
  reports.status(RUNNING);
  after(60);
  expect([told, reports.details]).toEqual([[], {}]);
});

it('tells a wait that lasts, and that it is over', () => {
  const { told, since, reports, after } = open();
  reports.status({ ...waiting('waiting in queue team-a: insufficient unused quota'), waitingSince: 7 });
  after(5);
  reports.status(RUNNING);
  after(60);
  expect(told).toEqual(['waiting in queue team-a: insufficient unused quota', null]);
  expect(since).toEqual([7, undefined]);
});

it('names the foreign system that a Job waits for', () => {
  const { told, since, reports, after } = open();
  reports.status({ ...waiting('ImagePullBackOff: 503 Service Unavailable'), waitingSince: 7, waitingFor: 'the registry' });
  after(5);
  expect([told, since]).toEqual([['waiting for the registry: ImagePullBackOff: 503 Service Unavailable'], [7]]);
});

it('tells a day of it in a few words, whatever they are', () => {
  const { told, reports, after } = open();
  for (let i = 0; i < 24 * 60; i++) {
    reports.status(waiting(`0/${i} nodes are available`));
    after(1);
  }
  expect(told.length).toBeGreaterThan(4);
  expect(told.length).toBeLessThan(12);
});

it('says no more of a wait than every trial of a search may say at once', () => {
  const { told, reports, after } = open();
  reports.status(waiting(`0/1000 nodes are available: ${'1 node had an untolerated taint, '.repeat(1000)}`));
  after(3);
  expect(told).toHaveLength(1);
  expect(told[0]).toMatch(/^0\/1000 nodes are available: .{200,280}…$/);
});

it('tells a refusal with how long it has lasted', () => {
  const { told, since, reports, after } = open();
  const refused = { of: 'Kubernetes', message: 'jobs is forbidden (HTTP 403)', since: Date.now() - 12 * MINUTE } as const;
  reports.status(waiting('0/3 nodes'));
  reports.trouble(refused);
  after(3);
  expect([told, since]).toEqual([['waiting for Kubernetes: jobs is forbidden (HTTP 403)'], [refused.since]]);
  expect(reports.details.waiting).toMatch(/^waiting for Kubernetes for 12 min: jobs is forbidden/);
  expect(troubleText(refused, refused.since + 135 * MINUTE)).toMatch(/for 2 h 15 min/);
  expect(troubleText(refused, refused.since + 20_000)).toMatch(/for 20 s/);
});
