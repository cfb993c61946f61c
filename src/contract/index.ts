/** Everything that two sides must agree on. Workflows import from the single files, and values only from those that load no zod. */
export * from './names.ts';
export * from './values.ts';
export * from './features.ts';
export * from './profile.ts';
export * from './search-space.ts';
export * from './steps.ts';
export * from './outputs.ts';
export * from './run-document.ts';
export * from './trial.ts';
export * from './jobs.ts';
export * from './errors.ts';
export * from './ids.ts';
export * from './ledger.ts';
export * from './state.ts';
export type * from './search.ts';
