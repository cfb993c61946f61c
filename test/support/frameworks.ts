/** What the suite `frameworks` needs besides the product's own environment: onnxruntime, PyTorch of Debian, and Lightning. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { installDebianPackages } from '../debian-packages.ts';
import { pythonWith } from './python-environment.ts';

const CODE = join(import.meta.dirname, '..', 'frameworks', 'code');
/** Requirements of scripts, for pip, beside them. */
export const ONNX = 'onnx.txt';
export const TORCH = 'torch.txt';
const DEBIANS_PYTHON = '/usr/bin/python3';
const DEBIANS_TORCH = '/usr/lib/python3/dist-packages/torch/__init__.py';

export const hasDebiansTorch = (): boolean => existsSync(DEBIANS_TORCH);

/** With PyTorch of PyPI, 5 GB: Debian's 1.13 cannot import on Python 3.11 what Lightning needs of it. */
export const lightningPython = (): Promise<string> => pythonWith(JSON.stringify('lightning==2.6.6\ntorch==2.15.0\nnumpy==2.4.6\n'));

/** @param wheels the folder from which requirements are installed where nothing may be fetched */
export async function fetchFrameworks(wheels: string): Promise<null> {
  // Without it one model fewer is evaluated.
  await installDebianPackages({ [DEBIANS_TORCH]: 'python3-torch' });
  await mkdir(wheels, { recursive: true });
  const download = async (python: string, requirements: string): Promise<void> => {
    const words = ['-m', 'pip', 'download', '--quiet', '--only-binary=:all:', '--dest', wheels, '--requirement', join(CODE, requirements)];
    await promisify(execFile)(python, words);
  };
  const python = process.env.LONGHAUL_PYTHON ?? 'python3';
  await download(python, ONNX);
  if (hasDebiansTorch()) await downloadFor(DEBIANS_PYTHON, python, wheels);
  await lightningPython();
  return null;
}

/** Debian's Python may lack pip; ours downloads for its version. */
async function downloadFor(target: string, python: string, wheels: string): Promise<void> {
  const run = promisify(execFile);
  const { stdout } = await run(target, ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])']);
  const words = ['-m', 'pip', 'download', '--quiet', '--only-binary=:all:', '--python-version', stdout.trim(), '--dest', wheels];
  await run(python, [...words, '--requirement', join(CODE, TORCH)]);
}
