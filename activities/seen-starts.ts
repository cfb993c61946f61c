/** What was seen of a Job when it began, kept for whoever sees its end: a pod that went while no worker watched can tell nobody its node and image. */
import { z } from 'zod';
import type { AttemptInput } from '../src/contract/attempts.ts';
import type { JobEnd } from '../src/contract/jobs.ts';
import type { Profile } from '../src/contract/profile.ts';
import type { ObjectStore } from '../src/ports/index.ts';
import type { JobStatus } from '../src/ports/compute.ts';
import { attemptIdentity } from './job-places.ts';

/** `startedAt`: of its container, ms since 1970. */
const Seen = z.object({ node: z.string(), image: z.string().nullable(), startedAt: z.number() });
type Seen = z.infer<typeof Seen>;

interface Place {
  /** Of the trial or step. */
  readonly home: string;
  readonly job: string;
  readonly profile: Pick<Profile, 'compute'>;
}

export class SeenStart {
  readonly #store: ObjectStore;
  /** Null: it is a process, whose folder keeps what its start was. */
  readonly #uri: string | null;
  #seen: Seen | null = null;
  #isNoted = false;

  constructor(store: ObjectStore, { home, job, profile }: Place) {
    this.#store = store;
    this.#uri = profile.compute.kind === 'kubernetes' ? `${home}/starts/${job}.json` : null;
  }

  readonly status = ({ phase, node, image, startedAt }: JobStatus): void => {
    if (phase !== 'running' || node === null || startedAt === null || this.#uri === null || this.#isNoted) return;
    this.#seen ??= { node, image: image ?? null, startedAt };
    this.#isNoted = true;
    this.#store.write(this.#uri, JSON.stringify(this.#seen), { contentType: 'application/json' }).catch(() => {
      // Without it an end that nobody sees tells less, which keeps no Job from being watched: the next status tries again.
      this.#isNoted = false;
    });
  };

  /** The end with what it lacks. A Job that outlives its pod says when it was made, and not when its container began. */
  async complete(end: JobEnd): Promise<JobEnd> {
    if (this.#uri === null || end.notStarted !== null || !isLacking(end)) return end;
    const seen = this.#seen ?? (await this.#read(this.#uri));
    if (seen === null) return end;
    const known = { ...end, node: end.node ?? seen.node, image: end.image ?? seen.image };
    // Where not even the Job is there, nothing tells when it ended either.
    if (end.state === 'lost' && end.startedAt === null) return known;
    return {
      ...known,
      startedAt: end.node === null ? seen.startedAt : end.startedAt,
      // It runs when all of its machines do.
      ...(end.nodes && { nodes: end.nodes.map((one) => (one.node === null ? { ...one, startedAt: seen.startedAt } : one)) }),
    };
  }

  async #read(uri: string): Promise<Seen | null> {
    const object = await this.#store.read(uri);
    return object && Seen.parse(JSON.parse(new TextDecoder().decode(object.data)));
  }
}

export const startOfAttempt = (store: ObjectStore, input: AttemptInput): SeenStart =>
  new SeenStart(store, { home: input.trial.output, job: attemptIdentity(store, input).name, profile: input.trial.profile });

const isLacking = ({ node, image, nodes = [] }: JobEnd): boolean =>
  node === null || image === null || nodes.some((one) => one.node === null);
