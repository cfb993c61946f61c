/** All workflow types: what the worker's bundle is made of. */
export { trainingPipeline } from './training-pipeline.ts';
export { hyperparameterSearch } from './hyperparameter-search.ts';
export { trial } from './trial.ts';
export { scheduledRun } from './scheduled-run.ts';
export { tensorboard } from './tensorboard.ts';
export { poolGate } from './pool-gate.ts';
export { parameterImportance } from './parameter-importance.ts';
export { samplerSuggestions } from './sampler-suggestions.ts';
