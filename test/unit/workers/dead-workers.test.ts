import { describe, expect, it } from 'vitest';
import { takeFromDeadWorkers } from '../../../workers/dead-workers.ts';

const OWN = 'longhaul/control/here/1/a';
const DEAD = 'longhaul/training/there/2/b';
/** `temporal.api.enums.v1.PendingActivityState`. */
const STARTED = 2;

/** A server with one open workflow, whose activity the dead worker had. */
class Server {
  looks = 0;
  described = 0;
  asked: string[] = [];
  readonly #mayBeTaken: boolean;

  constructor(mayBeTaken: boolean) {
    this.#mayBeTaken = mayBeTaken;
  }

  listWorkers() {
    this.looks += 1;
    const word = (workerIdentity: string, nanos: number) => ({ workerHeartbeat: { workerIdentity, heartbeatTime: { nanos } } });
    return Promise.resolve({ workersInfo: [word(OWN, this.looks), word(DEAD, 0)], nextPageToken: new Uint8Array() });
  }

  listWorkflowExecutions() {
    return Promise.resolve({ executions: [{ execution: { workflowId: 'run' } }], nextPageToken: new Uint8Array() });
  }

  describeWorkflowExecution() {
    this.described += 1;
    const isTaken = this.#mayBeTaken && this.asked.length > 0;
    return Promise.resolve({
      pendingActivities: isTaken ? [] : [{ activityId: 'watch', state: STARTED, lastWorkerIdentity: DEAD }],
    });
  }

  respondActivityTaskFailedById({ activityId }: { activityId: string }) {
    this.asked.push(activityId);
    return this.#mayBeTaken ? Promise.resolve({}) : Promise.reject(new Error('activity not found'));
  }
}

/** After so many looks since the death. */
async function watched(server: Server): Promise<void> {
  const over = new AbortController();
  const workflowService = server as unknown as Parameters<typeof takeFromDeadWorkers>[0]['connection']['workflowService'];
  const connection = { workflowService };
  const watching = takeFromDeadWorkers({ connection, namespace: 'default', identity: OWN, say: () => undefined }, over.signal, {
    silentMs: 5,
    lookMs: 1,
  });
  await expect.poll(() => server.asked.length, { interval: 1 }).toBeGreaterThan(0);
  const from = server.looks;
  await expect.poll(() => server.looks, { interval: 1 }).toBeGreaterThan(from + 50);
  over.abort();
  await watching;
}

describe('what a dead worker had under way', () => {
  it('is taken once', async () => {
    const server = new Server(true);
    await watched(server);
    expect(server.asked).toEqual(['watch']);
  });

  it('is not looked for without end where it cannot be taken', async () => {
    const server = new Server(false);
    await watched(server);
    // Twice when it began to listen, twice after the death.
    expect(server.described).toBeLessThanOrEqual(4);
  });
});
