/** Tells people: a webhook (Slack-compatible) or a command of the control worker's machine. */
import { spawn } from 'node:child_process';
import type { Profile } from '../src/contract/profile.ts';
import type { Policy } from '../src/contract/policy.ts';
import { notificationViolations } from '../src/rules/policy.ts';
import { failure, translated } from './failures.ts';
import { refuseViolations } from './policy-guard.ts';
import { GRACES } from '../src/rules/durations.ts';

export type NotificationTarget = Profile['notifications'][number];

export interface NotifyInput {
  readonly targets: readonly NotificationTarget[];
  readonly event: NotificationTarget['on'][number];
  readonly pipeline: string;
  readonly run: string;
  readonly text: string;
}

export const createNotificationActivities = (
  environment: Readonly<Record<string, string | undefined>> = process.env,
  policy: Policy | null = null,
) =>
  translated({
    async notify(input: NotifyInput): Promise<void> {
      const { targets, ...message } = input;
      if (policy !== null) refuseViolations(notificationViolations(policy, targets));
      await Promise.all(targets.map((target) => send(target, message, environment)));
    },
  });
export type NotificationActivities = ReturnType<typeof createNotificationActivities>;

async function send(
  target: NotificationTarget,
  message: Omit<NotifyInput, 'targets'>,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  if (target.webhookEnv) {
    const url = environment[target.webhookEnv];
    if (!url) throw failure('InvalidInput', `notifications: the control worker has no environment variable ${target.webhookEnv}`);
    await post(url, message);
  }
  if (target.command) await pipe(target.command, JSON.stringify(message));
}

async function post(url: string, message: Omit<NotifyInput, 'targets'>): Promise<void> {
  const body = JSON.stringify({ ...message, text: `[${message.pipeline}] ${message.text}` });
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
    signal: AbortSignal.timeout(GRACES.webhookMs),
  }).catch((error: unknown) => {
    // The URL is a secret: it must not get into a history.
    throw failure('Unavailable', `the webhook did not answer (${error instanceof Error ? error.name : 'unknown fault'})`);
  });
  if (response.status >= 500 || response.status === 429) throw failure('Unavailable', `the webhook answered ${response.status}`);
  if (!response.ok) throw failure('InvalidInput', `the webhook refused the message with ${response.status}`);
}

async function pipe(command: readonly string[], input: string): Promise<void> {
  const [program = '', ...rest] = command;
  await new Promise<void>((resolve, reject) => {
    const child = spawn(program, rest, { stdio: ['pipe', 'ignore', 'ignore'], timeout: GRACES.notifyCommandMs });
    child.on('error', (error) => {
      reject(failure('InvalidInput', `notifications: ${program}: ${error.message}`));
    });
    child.on('close', (code) => {
      if (code === 0) resolve();
      else reject(failure('Unavailable', `notifications: ${program} ended with ${code ?? 'a signal'}`));
    });
    // A command that does not read its input is no fault.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}
