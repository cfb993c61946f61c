import { lstatSync, mkdirSync, renameSync, rmdirSync, statSync, unlinkSync, utimesSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { dirname } from 'node:path';
import { AdapterError, PreconditionFailedError } from '../../contract/errors.ts';
import type { ObjectInfo } from '../../ports/object-store.ts';
import { hasCode, syncDirectory } from '../files.ts';
import { withLock } from '../kernel-lock.ts';
import { ABSENT, generationOf, infoOf, nextModificationMicros } from './generation.ts';
import type { Inside } from './inside.ts';
import type { Layout } from './layout.ts';
import { lockFileOf } from './layout.ts';

interface Target {
  readonly layout: Layout;
  readonly inside: Inside;
  readonly uri: string;
  readonly name: string;
  readonly path: string;
  readonly ifGeneration: string | undefined;
}

/** Compare and swap: the temporary file becomes the object if the precondition holds. */
export async function commitWrite(target: Target & { readonly temporary: string }): Promise<ObjectInfo> {
  const { path, temporary, uri } = target;
  const written = await withLock(lockFileOf(target.layout, target.name), () => {
    target.inside.checkParent(path, uri);
    // Synchronous: the section is five system calls, and shorter than a turn of the event loop.
    const found = statObject(path, uri);
    check(target, found);
    const seconds = Number(nextModificationMicros(found)) / 1e6;
    utimesSync(temporary, seconds, seconds);
    // Renaming keeps it all, so this is the object's stat.
    const stats = statSync(temporary, { bigint: true });
    moveInto(temporary, path, uri);
    return stats;
  });
  try {
    await syncDirectory(dirname(path));
  } catch (error) {
    // The object was removed again meanwhile, and its directory with it.
    if (!hasCode(error, 'ENOENT')) throw error;
  }
  return infoOf(uri, written);
}

/** True if the object existed. */
export async function commitRemoval(target: Target & { readonly directory: string }): Promise<boolean> {
  const existed = await withLock(lockFileOf(target.layout, target.name), () => {
    target.inside.checkParent(target.path, target.uri);
    const found = statObject(target.path, target.uri);
    check(target, found);
    if (!found) return false;
    unlinkSync(target.path);
    return true;
  });
  if (existed) removeEmptyDirectories(dirname(target.path), target.directory);
  return existed;
}

function check(target: Target, found: BigIntStats | null): void {
  if (target.ifGeneration === undefined) return;
  const generation = found ? generationOf(found) : ABSENT;
  if (generation === target.ifGeneration) return;
  const expected = target.ifGeneration === ABSENT ? 'no object' : `generation ${target.ifGeneration}`;
  throw new PreconditionFailedError(target.uri, `expected ${expected}, found ${found ? `generation ${generation}` : 'none'}`);
}

function statObject(path: string, uri: string): BigIntStats | null {
  try {
    const found = lstatSync(path, { bigint: true });
    if (found.isDirectory()) throw nameIsPrefix(uri);
    return found;
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return null;
    throw error;
  }
}

const RENAME_TRIES = 100;

/** A directory may vanish between being made and being used, when the last other object in it is removed. */
function moveInto(temporary: string, path: string, uri: string): void {
  for (let tries = 1; ; tries++) {
    try {
      return renameSync(temporary, path);
    } catch (error) {
      if (hasCode(error, 'ENOTDIR', 'EEXIST')) throw nameIsPrefix(uri, error);
      if (!hasCode(error, 'ENOENT') || tries === RENAME_TRIES) throw error;
    }
    try {
      mkdirSync(dirname(path), { recursive: true });
    } catch (error) {
      if (hasCode(error, 'ENOTDIR', 'EEXIST')) throw nameIsPrefix(uri, error);
      if (!hasCode(error, 'ENOENT')) throw error;
    }
  }
}

function nameIsPrefix(uri: string, cause?: unknown): AdapterError {
  return new AdapterError('InvalidInput', `${uri}: in a directory, one name cannot be an object and a prefix of objects`, { cause });
}

/** A directory without objects is nothing to an object store. */
function removeEmptyDirectories(path: string, root: string): void {
  for (let directory = path; directory !== root; directory = dirname(directory)) {
    try {
      rmdirSync(directory);
    } catch {
      return;
    }
  }
}
