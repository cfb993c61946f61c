/** Every command, by the group under which `--help` lists it. */
import type { Command } from 'commander';

interface Entry {
  /** What calls it; none: it asks for all others, so that all have to be there. */
  readonly words: readonly string[];
  /** Adds it to the program. Its modules are loaded then: all of them take 0.2 s of a processor, and a command needs those of one. */
  readonly register: (program: Command) => Promise<void>;
}

type Group = 'Pipelines' | 'Runs' | 'Control' | 'Results' | 'This machine';

export const COMMANDS: Readonly<Record<Group, readonly Entry[]>> = {
  Pipelines: [
    { words: ['init'], register: async (program) => (await import('./commands/init.ts')).registerInit(program) },
    { words: ['compile'], register: async (program) => (await import('./commands/compile.ts')).registerCompile(program) },
    { words: ['migrate'], register: async (program) => (await import('./commands/migrate.ts')).registerMigrate(program) },
    { words: ['plan'], register: async (program) => (await import('./commands/plan.ts')).registerPlan(program) },
    { words: ['run'], register: async (program) => (await import('./commands/run.ts')).registerRun(program) },
    { words: ['train'], register: async (program) => (await import('./commands/train.ts')).registerTrain(program) },
    { words: ['schedule'], register: async (program) => (await import('./commands/schedule.ts')).registerSchedule(program) },
    { words: ['example'], register: async (program) => (await import('./commands/example.ts')).registerExample(program) },
    { words: ['trial'], register: async (program) => (await import('./commands/trial.ts')).registerTrial(program) },
  ],
  Runs: [
    { words: ['status'], register: async (program) => (await import('./commands/status.ts')).registerStatus(program) },
    { words: ['list', 'ls'], register: async (program) => (await import('./commands/list.ts')).registerList(program) },
    { words: ['logs'], register: async (program) => (await import('./commands/logs.ts')).registerLogs(program) },
    { words: ['exec'], register: async (program) => (await import('./commands/exec.ts')).registerExec(program) },
    { words: ['console'], register: async (program) => (await import('./commands/console.ts')).registerConsole(program) },
    { words: ['open'], register: async (program) => (await import('./commands/open.ts')).registerOpen(program) },
    { words: ['cancel'], register: async (program) => (await import('./commands/cancel.ts')).registerCancel(program) },
    { words: ['stop'], register: async (program) => (await import('./commands/stop.ts')).registerStop(program) },
  ],
  Control: [
    { words: ['approve'], register: async (program) => (await import('./commands/approve.ts')).registerApprove(program) },
    { words: ['reject'], register: async (program) => (await import('./commands/approve.ts')).registerReject(program) },
    { words: ['pause'], register: async (program) => (await import('./commands/pause.ts')).registerPause(program) },
    { words: ['resume'], register: async (program) => (await import('./commands/pause.ts')).registerResume(program) },
    { words: ['retry'], register: async (program) => (await import('./commands/retry.ts')).registerRetry(program) },
    { words: ['extend'], register: async (program) => (await import('./commands/extend.ts')).registerExtend(program) },
    { words: ['stop-trial'], register: async (program) => (await import('./commands/stop-trial.ts')).registerStopTrial(program) },
    { words: ['keep-trial'], register: async (program) => (await import('./commands/keep-trial.ts')).registerKeepTrial(program) },
    { words: ['prioritise'], register: async (program) => (await import('./commands/prioritise.ts')).registerPrioritise(program) },
    { words: ['add-trial'], register: async (program) => (await import('./commands/add-trial.ts')).registerAddTrial(program) },
    { words: ['fork-trial'], register: async (program) => (await import('./commands/fork-trial.ts')).registerForkTrial(program) },
    {
      words: ['set-parallelism', 'set-budget', 'set-space', 'set-pruner', 'set-stopping'],
      register: async (program) => (await import('./commands/set.ts')).registerSet(program),
    },
    { words: ['decisions'], register: async (program) => (await import('./commands/decisions.ts')).registerDecisions(program) },
  ],
  Results: [
    { words: ['trials'], register: async (program) => (await import('./commands/trials.ts')).registerTrials(program) },
    { words: ['curves'], register: async (program) => (await import('./commands/curves.ts')).registerCurves(program) },
    { words: ['compare'], register: async (program) => (await import('./commands/compare.ts')).registerCompare(program) },
    { words: ['diff'], register: async (program) => (await import('./commands/diff.ts')).registerDiff(program) },
    { words: ['replay-search'], register: async (program) => (await import('./commands/replay-search.ts')).registerReplaySearch(program) },
    { words: ['models'], register: async (program) => (await import('./commands/models.ts')).registerModels(program) },
    { words: ['checkpoints'], register: async (program) => (await import('./commands/checkpoints.ts')).registerCheckpoints(program) },
    { words: ['audit'], register: async (program) => (await import('./commands/audit.ts')).registerAudit(program) },
    { words: ['advise'], register: async (program) => (await import('./commands/advise.ts')).registerAdvise(program) },
    { words: ['report'], register: async (program) => (await import('./commands/report.ts')).registerReport(program) },
  ],
  'This machine': [
    { words: ['dev'], register: async (program) => (await import('./commands/dev.ts')).registerDev(program) },
    { words: ['doctor'], register: async (program) => (await import('./commands/doctor.ts')).registerDoctor(program) },
    { words: ['pools'], register: async (program) => (await import('./commands/pools.ts')).registerPools(program) },
    { words: ['costs'], register: async (program) => (await import('./commands/costs.ts')).registerCosts(program) },
    { words: ['gc'], register: async (program) => (await import('./commands/gc.ts')).registerGc(program) },
    { words: ['codec-server'], register: async (program) => (await import('./commands/codec-server.ts')).registerCodecServer(program) },
    { words: [], register: async (program) => (await import('./commands/completion.ts')).registerCompletion(program) },
  ],
};
