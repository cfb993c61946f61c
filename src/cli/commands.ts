/** Every command, by the group under which `--help` lists it. */
import type { Command } from 'commander';
import { registerAddTrial } from './commands/add-trial.ts';
import { registerAdvise } from './commands/advise.ts';
import { registerApprove, registerReject } from './commands/approve.ts';
import { registerAudit } from './commands/audit.ts';
import { registerCancel } from './commands/cancel.ts';
import { registerCheckpoints } from './commands/checkpoints.ts';
import { registerCodecServer } from './commands/codec-server.ts';
import { registerCompare } from './commands/compare.ts';
import { registerCompile } from './commands/compile.ts';
import { registerCompletion } from './commands/completion.ts';
import { registerConsole } from './commands/console.ts';
import { registerCosts } from './commands/costs.ts';
import { registerCurves } from './commands/curves.ts';
import { registerDecisions } from './commands/decisions.ts';
import { registerDev } from './commands/dev.ts';
import { registerDiff } from './commands/diff.ts';
import { registerDoctor } from './commands/doctor.ts';
import { registerExample } from './commands/example.ts';
import { registerExtend } from './commands/extend.ts';
import { registerExec } from './commands/exec.ts';
import { registerForkTrial } from './commands/fork-trial.ts';
import { registerGc } from './commands/gc.ts';
import { registerInit } from './commands/init.ts';
import { registerKeepTrial } from './commands/keep-trial.ts';
import { registerList } from './commands/list.ts';
import { registerLogs } from './commands/logs.ts';
import { registerMigrate } from './commands/migrate.ts';
import { registerModels } from './commands/models.ts';
import { registerOpen } from './commands/open.ts';
import { registerPause, registerResume } from './commands/pause.ts';
import { registerPools } from './commands/pools.ts';
import { registerPlan } from './commands/plan.ts';
import { registerPrioritise } from './commands/prioritise.ts';
import { registerReplaySearch } from './commands/replay-search.ts';
import { registerReport } from './commands/report.ts';
import { registerRetry } from './commands/retry.ts';
import { registerRun } from './commands/run.ts';
import { registerSchedule } from './commands/schedule.ts';
import { registerSet } from './commands/set.ts';
import { registerStatus } from './commands/status.ts';
import { registerStop } from './commands/stop.ts';
import { registerStopTrial } from './commands/stop-trial.ts';
import { registerTrain } from './commands/train.ts';
import { registerTrial } from './commands/trial.ts';
import { registerTrials } from './commands/trials.ts';

type Register = (program: Command) => void;

export const COMMANDS: Readonly<Record<'Pipelines' | 'Runs' | 'Control' | 'Results' | 'This machine', readonly Register[]>> = {
  Pipelines: [
    registerInit,
    registerCompile,
    registerMigrate,
    registerPlan,
    registerRun,
    registerTrain,
    registerSchedule,
    registerExample,
    registerTrial,
  ],
  Runs: [registerStatus, registerList, registerLogs, registerExec, registerConsole, registerOpen, registerCancel, registerStop],
  Control: [
    registerApprove,
    registerReject,
    registerPause,
    registerResume,
    registerRetry,
    registerExtend,
    registerStopTrial,
    registerKeepTrial,
    registerPrioritise,
    registerAddTrial,
    registerForkTrial,
    registerSet,
    registerDecisions,
  ],
  Results: [
    registerTrials,
    registerCurves,
    registerCompare,
    registerDiff,
    registerReplaySearch,
    registerModels,
    registerCheckpoints,
    registerAudit,
    registerAdvise,
    registerReport,
  ],
  'This machine': [registerDev, registerDoctor, registerPools, registerCosts, registerGc, registerCodecServer, registerCompletion],
};
