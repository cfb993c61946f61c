/** A trainer's files without its training (docs/trial-contract.md): one for each simulated pod. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Latest, ProgressRecord, TrialResult } from '../../src/contract/trial.ts';

const SAMPLES_A_RECORD = 1000;

export class SimulatedTrainer {
  readonly #output: string;
  readonly #attempt: number;
  #n: number;

  /** @param output URI of a directory store */
  constructor(output: string, attempt: number) {
    this.#output = fileURLToPath(output);
    this.#attempt = attempt;
    this.#n = lastRecord(this.#output);
    this.record(attempt === 1 ? 'start' : 'train');
  }

  record(kind: ProgressRecord['kind']): void {
    this.#n += 1;
    const record = {
      n: this.#n,
      time: Date.now() / 1000,
      attempt: this.#attempt,
      kind,
      epoch: 0,
      part: 0,
      step: this.#n,
      samples: this.#n * SAMPLES_A_RECORD,
      metrics: { loss: 1 / this.#n },
      done: 0.5,
    } satisfies ProgressRecord;
    this.#write(`progress/${this.#n}.json`, record);
  }

  /** What SIGTERM asks for. */
  save(): void {
    this.record('checkpoint');
    const samples = this.#n * SAMPLES_A_RECORD;
    const latest: Latest = {
      checkpoint: String(this.#n),
      attempt: this.#attempt,
      step: this.#n,
      samples,
      files: {},
      reason: 'sigterm',
      previous: [],
    };
    this.#write('checkpoints/LATEST', latest);
  }

  finish(): void {
    this.record('end');
    const result: TrialResult = {
      metrics: { loss: 0.5 },
      objective: 0.5,
      bestStep: this.#n,
      steps: this.#n,
      samples: this.#n * SAMPLES_A_RECORD,
      epochs: 1,
      bestExport: null,
      weightsSha256: '0'.repeat(64),
    };
    this.#write('result.json', result);
  }

  #write(name: string, value: object): void {
    const path = join(this.#output, name);
    mkdirSync(dirname(path), { recursive: true });
    const temporary = `${dirname(path)}/.${this.#n}.tmp`;
    writeFileSync(temporary, JSON.stringify(value));
    renameSync(temporary, path);
  }
}

/** As a trainer that resumes: the checkpoint says where it was. */
function lastRecord(output: string): number {
  try {
    return (JSON.parse(readFileSync(join(output, 'checkpoints/LATEST'), 'utf8')) as Latest).step;
  } catch {
    return 0;
  }
}
