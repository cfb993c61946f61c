import { expect, it } from 'vitest';
import { WaitReports, troubleText } from '../../../activities/wait-reports.ts';

const MINUTE = 60_000;
const waiting = (message: string) => ({ phase: 'pending', message, node: null, startedAt: null }) as const;
const RUNNING = { phase: 'running', message: null, node: 'n', startedAt: 0 } as const;

function open() {
  let now = 0;
  const told: (string | null)[] = [];
  const reports = new WaitReports(
    (text) => told.push(text),
    () => now,
  );
  const after = (minutes: number): void => {
    for (const end = now + minutes * MINUTE; now < end; now += MINUTE / 6) reports.beat();
  };
  return { told, reports, after };
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
  const { told, reports, after } = open();
  reports.status(waiting('suspended: waiting to be admitted by queue team-a'));
  after(5);
  reports.status(RUNNING);
  after(60);
  expect(told).toEqual(['suspended: waiting to be admitted by queue team-a', null]);
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

it('tells a refusal with how long it has lasted', () => {
  const { told, reports, after } = open();
  const refused = { of: 'Kubernetes', message: 'jobs is forbidden (HTTP 403)', since: Date.now() - 12 * MINUTE } as const;
  reports.status(waiting('0/3 nodes'));
  reports.trouble(refused);
  after(3);
  expect(told).toEqual(['waiting for Kubernetes for 12 min: jobs is forbidden (HTTP 403)']);
  expect(troubleText(refused, refused.since + 135 * MINUTE)).toMatch(/for 2 h 15 min/);
  expect(troubleText(refused, refused.since + 20_000)).toMatch(/for 20 s/);
});
