/** `longhaul/pipeline`: what a program or a pipeline in TypeScript needs. */
export type { Pipeline } from '../contract/pipeline.ts';
export type { RunDocument } from '../contract/run-document.ts';
export { compile } from './index.ts';
