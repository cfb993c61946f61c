/** The typed client. `connect()`, `start(document)`, `result()`. */
export { connect, newRunId, Longhaul } from './longhaul.ts';
export type { ConnectOptions, ListOptions, RunSummary, StartOptions } from './longhaul.ts';
export type { RetryOptions } from './retry.ts';
export { Audit } from './audit.ts';
export { Run } from './run.ts';
export type { Decision } from './run.ts';
export { Schedules } from './schedules.ts';
export type { Overlap, ScheduleOptions, ScheduleSummary } from './schedules.ts';
export type { ClusterNow } from './clusters.ts';
export { Search } from './search.ts';
export type { StopOptions } from './run.ts';
export { findDevelopmentStack, findTarget, isConfigured } from './address.ts';
export type { DevelopmentStack, Target, TargetOptions } from './address.ts';
export * from './errors.ts';
