import { pythonWith } from './python-environment.ts';

/** What has `wandb`: the environment that the tracker itself makes where it is missing. */
export const wandbPython = (): Promise<string> => pythonWith('WANDB + "\\n"', 'from longhaul_wandb.package import WANDB');
