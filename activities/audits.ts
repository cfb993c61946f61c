/** Audits: which windows were kept, what a trial needs that trains one again, and the certificate of what came of it. */
import type { AuditInput, AuditPlan, AuditState, JudgeInput, Judgement, Repetition, RepetitionInput } from '../src/contract/audit.ts';
import { canonicalJson } from '../src/contract/canonical-json.ts';
import { auditUri } from '../src/contract/state.ts';
import type { ObjectStore, Ports, Warehouse } from '../src/ports/index.ts';
import { translated } from './failures.ts';
import { withHeartbeat } from './heartbeat.ts';
import { prepareRepetition } from './audits/repetition.ts';
import { drawAudit } from './audits/draw.ts';
import { judgePair } from './audits/judge.ts';

export const createAuditActivities = (ports: Ports) =>
  translated({
    /** @throws failure('InvalidInput') where nothing was kept that keeps within the share */
    async drawAudit(input: Pick<AuditInput, 'run' | 'profile' | 'share'>): Promise<AuditPlan> {
      return opened(ports, input, drawAudit);
    },

    /** Writes trial.json of the repetition, which is that of the trial but for where it writes and what it is to train. */
    async prepareRepetition(input: RepetitionInput): Promise<Repetition> {
      return opened(ports, input, prepareRepetition);
    },

    /** Compares the trainings of a window that there are; asked again after its certificate was written, it goes by that. */
    async judgePair(input: JudgeInput): Promise<Judgement> {
      return opened(ports, input, judgePair);
    },

    /** What came of all of it, beside the run's document. */
    async closeAudit(input: Pick<AuditInput, 'run' | 'profile'> & { readonly state: AuditState }): Promise<{ readonly uri: string }> {
      return withHeartbeat(async () => {
        const store = await ports.store(input.profile);
        const uri = auditUri(store.root, input.run, input.state.audit);
        await store.write(uri, canonicalJson(input.state), { contentType: 'application/json' });
        return { uri };
      });
    },
  });
export type AuditActivities = ReturnType<typeof createAuditActivities>;

const opened = <I extends Pick<AuditInput, 'profile'>, R>(
  ports: Ports,
  input: I,
  work: (store: ObjectStore, warehouse: Warehouse, input: I) => Promise<R>,
): Promise<R> =>
  withHeartbeat(async () => {
    const [store, warehouse] = await Promise.all([ports.store(input.profile), ports.warehouse(input.profile)]);
    return work(store, warehouse, input);
  });
