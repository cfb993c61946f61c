/** JSON that is asked for again and again while nothing changes: written and compressed once. */
import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import type { Context } from 'hono';

const compressed = promisify(gzip);
/** Half the work of the default level for a tenth more bytes: pages of a running run change every second. */
const LEVEL = constants.Z_BEST_SPEED + 2;
/** Smaller answers gain nothing by being compressed. */
const MIN_BYTES = 1024;
/** Of one owner; the questions hold names from outside. */
const ANSWERS_KEPT = 12;

interface Answer {
  readonly version: number;
  readonly json: Buffer<ArrayBuffer>;
  gzip: Promise<Buffer<ArrayBuffer>> | null;
}

export class Answers {
  /** They go when their owner goes. */
  readonly #kept = new WeakMap<object, Map<string, Answer>>();

  /**
   * @param owner what the answer is about
   * @param version counts the owner's changes: an answer of another version is not given again
   */
  async respond(
    context: Context,
    { owner, version, question }: { readonly owner: object; readonly version: number; readonly question: string },
    make: () => unknown,
  ): Promise<Response> {
    const answers = this.#kept.get(owner) ?? new Map<string, Answer>();
    this.#kept.set(owner, answers);
    const known = answers.get(question);
    const answer = known?.version === version ? known : { version, json: Buffer.from(JSON.stringify(make())), gzip: null };
    answers.delete(question);
    answers.set(question, answer);
    const oldest = answers.keys().next().value;
    if (answers.size > ANSWERS_KEPT && oldest !== undefined) answers.delete(oldest);
    context.header('content-type', 'application/json');
    if (answer.json.byteLength < MIN_BYTES || !/\bgzip\b/.test(context.req.header('accept-encoding') ?? ''))
      return context.body(answer.json);
    answer.gzip ??= compressed(answer.json, { level: LEVEL });
    context.header('content-encoding', 'gzip');
    context.header('vary', 'accept-encoding');
    return context.body(await answer.gzip);
  }
}
