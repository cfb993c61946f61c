import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { pythonPath } from '../../src/adapters/python.ts';

const ASKED = `from longhaul_wandb.package import WANDB
from longhaul.launch.environment import environment_for
print(environment_for(f"{WANDB}\\n"))`;

/** What has `wandb`: the environment that the tracker itself makes where it is missing. */
export async function wandbPython(): Promise<string> {
  const python = process.env.LONGHAUL_PYTHON ?? 'python3';
  const { stdout } = await promisify(execFile)(python, ['-c', ASKED], { env: { ...process.env, PYTHONPATH: pythonPath() } });
  return stdout.trim();
}
