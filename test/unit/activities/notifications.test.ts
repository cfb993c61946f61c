import { once } from 'node:events';
import { mkdtempSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { describe, expect, it } from 'vitest';
import { createNotificationActivities } from '../../../activities/notifications.ts';
import type { NotifyInput } from '../../../activities/notifications.ts';

const message = { event: 'failure', pipeline: 'p', run: 'r', text: 'step a failed' } as const;
const notify = (targets: NotifyInput['targets'], environment: Record<string, string> = {}): Promise<void> =>
  new MockActivityEnvironment().run((input: NotifyInput) => createNotificationActivities(environment).notify(input), {
    ...message,
    targets,
  });

/** A webhook that answers with one status. */
async function webhook(status: number) {
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (data: Buffer) => (body += data.toString()));
    request.on('end', () => {
      bodies.push(body);
      response.writeHead(status).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/secret`,
    bodies,
    [Symbol.asyncDispose]: async () => void server.close(),
  };
}

describe('notify', () => {
  it('posts to the webhook that the environment names', async () => {
    await using hook = await webhook(200);
    await notify([{ on: ['failure'], webhookEnv: 'HOOK' }], { HOOK: hook.url });
    expect(JSON.parse(hook.bodies[0] ?? '')).toEqual({ ...message, text: '[p] step a failed' });
  });

  it.each([
    [503, false],
    [429, false],
    [404, true],
  ])('takes %d for a fault that passes: not %s', async (status, nonRetryable) => {
    await using hook = await webhook(status);
    const failure: unknown = await notify([{ on: ['failure'], webhookEnv: 'HOOK' }], { HOOK: hook.url }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ nonRetryable });
    expect(JSON.stringify(failure)).not.toContain('secret');
  });

  it('names the variable that is missing', async () => {
    await expect(notify([{ on: ['failure'], webhookEnv: 'HOOK' }])).rejects.toThrow('no environment variable HOOK');
  });

  it('gives a command the message as JSON', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'longhaul-notify-')), 'message');
    await notify([{ on: ['failure'], command: ['sh', '-c', `cat > ${file}`] }]);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(message);
  });

  it('says which command cannot be run', async () => {
    await expect(notify([{ on: ['failure'], command: ['/no/such/program'] }])).rejects.toThrow('/no/such/program');
  });
});
