import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Longhaul } from '../../src/client/index.ts';
import { sharedRevocations } from '../../src/console/shared-revocations.ts';
import { GRACES } from '../../src/rules/durations.ts';
import { longhaulOf, startServer, until } from './environment.ts';

describe('revocations of console sessions, kept by Temporal', () => {
  let environment: TestWorkflowEnvironment;
  const replica = (team: string | null = null): Longhaul => longhaulOf(environment, team);
  beforeAll(async () => {
    environment = await startServer('real');
  });
  afterAll(() => environment.teardown());

  it.each([null, 'north'])('are seen by every replica at once, each is another, and they are of one team (%s)', async (team) => {
    const [one, other] = [sharedRevocations(replica(team)), sharedRevocations(replica(team))];
    const subject = 'person ada@shop.example';
    expect(await one.last(subject)).toBeNull();
    const first = await one.revoke(subject, 'bob');
    expect(await other.last(subject)).toEqual(first);
    expect(Math.abs(first.at - Date.now())).toBeLessThan(600_000);
    const second = await other.revoke(subject, 'bob');
    expect(second.id).not.toBe(first.id);
    expect(await one.last(subject)).toEqual(second);
    expect(await one.last('person eve')).toBeNull();
    expect(await sharedRevocations(replica('south')).last(subject)).toBeNull();
  });

  it('are no runs, wait for no worker, and outlast a session', async () => {
    const longhaul = replica();
    await sharedRevocations(longhaul).revoke('session 1', 'ada');
    const waiting = async (): Promise<string[]> => {
      const found: string[] = [];
      for await (const { workflowId } of longhaul.client.workflow.list({ query: "WorkflowType = 'consoleRevocation'" }))
        found.push(workflowId);
      return found;
    };
    const [workflowId = ''] = await until(async () => ((await waiting()).length > 0 ? waiting() : undefined), 'the revocation in lists');
    const { status, raw } = await longhaul.client.workflow.getHandle(workflowId).describe();
    expect(status.name).toBe('RUNNING');
    const ends = raw.workflowExecutionInfo?.executionTime?.seconds;
    expect(Number(ends) * 1000 - Date.now()).toBeGreaterThan(GRACES.sessionHours * 3_600_000);
    expect(await longhaul.list()).toEqual([]);
  });
});
