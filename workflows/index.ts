/** All workflow types: what the worker's bundle is made of. */
export { trainingPipeline } from './pipeline/training-pipeline.ts';
export { hyperparameterSearch } from './search/hyperparameter-search.ts';
export { trial } from './trial/trial.ts';
export { scheduledRun } from './pipeline/scheduled-run.ts';
export { tensorboard } from './tensorboard.ts';
export { poolGate } from './pools/gate.ts';
export { parameterImportance } from './questions.ts';
export { samplerSuggestions } from './questions.ts';
export { jobEnding } from './job-ending.ts';
export { tracker } from './tracker.ts';
export { audit } from './audit.ts';
export { promotion } from './promotion.ts';
