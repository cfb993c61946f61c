import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { pythonPath } from '../../src/adapters/python.ts';

/** @param requirements an expression of Python. @returns the interpreter that has them, which Longhaul itself makes where it is missing */
export async function pythonWith(requirements: string, prelude = ''): Promise<string> {
  const asked = `${prelude}\nfrom longhaul.launch.environment import environment_for\nprint(environment_for(${requirements}))`;
  const python = process.env.LONGHAUL_PYTHON ?? 'python3';
  const { stdout } = await promisify(execFile)(python, ['-c', asked], { env: { ...process.env, PYTHONPATH: pythonPath() } });
  return stdout.trim();
}
