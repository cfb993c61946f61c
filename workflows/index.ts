/** All workflow types: what the worker's bundle is made of. */
export { trainingPipeline } from './training-pipeline.ts';
