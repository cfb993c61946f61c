import { expect, it } from 'vitest';
import { AttemptNotes, troubleText } from '../../../activities/attempt-notes.ts';

const MINUTE = 60_000;
const waiting = (message: string) => ({ phase: 'pending', message, node: null, startedAt: null }) as const;
const RUNNING = { phase: 'running', message: null, node: 'n', startedAt: 0 } as const;

function open() {
  let now = 0;
  const told: (string | null)[] = [];
  const notes = new AttemptNotes(
    (text) => told.push(text),
    () => now,
  );
  const after = (minutes: number): void => {
    for (const end = now + minutes * MINUTE; now < end; now += MINUTE / 6) notes.beat();
  };
  return { told, notes, after };
}

it('says nothing of a wait that passes', () => {
  const { told, notes, after } = open();
  notes.status(waiting('0/3 nodes are available'));
  after(1);
  expect(notes.note).toEqual({ waiting: '0/3 nodes are available' });
  notes.status(RUNNING);
  after(60);
  expect([told, notes.note]).toEqual([[], {}]);
});

it('tells a wait that lasts, and that it is over', () => {
  const { told, notes, after } = open();
  notes.status(waiting('suspended: waiting to be admitted by queue team-a'));
  after(5);
  notes.status(RUNNING);
  after(60);
  expect(told).toEqual(['suspended: waiting to be admitted by queue team-a', null]);
});

it('tells a day of it in a few words, whatever they are', () => {
  const { told, notes, after } = open();
  for (let i = 0; i < 24 * 60; i++) {
    notes.status(waiting(`0/${i} nodes are available`));
    after(1);
  }
  expect(told.length).toBeGreaterThan(4);
  expect(told.length).toBeLessThan(12);
});

it('tells a refusal with how long it has lasted', () => {
  const { told, notes, after } = open();
  const refused = { of: 'Kubernetes', message: 'jobs is forbidden (HTTP 403)', since: Date.now() - 12 * MINUTE } as const;
  notes.status(waiting('0/3 nodes'));
  notes.trouble(refused);
  after(3);
  expect(told).toEqual(['waiting for Kubernetes for 12 min: jobs is forbidden (HTTP 403)']);
  expect(troubleText(refused, refused.since + 135 * MINUTE)).toMatch(/for 2 h 15 min/);
  expect(troubleText(refused, refused.since + 20_000)).toMatch(/for 20 s/);
});
