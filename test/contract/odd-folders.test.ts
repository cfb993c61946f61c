/** A store, a warehouse and the trainer's store in folders whose names mean something else in a URI. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDirectoryStore } from '../../src/adapters/directory/index.ts';
import { pythonCommand } from '../../src/adapters/python.ts';
import { storageRoot } from '../../src/compile/profile.ts';
import { pathOfFileUri } from '../../src/contract/file-uri.ts';
import type { Profile } from '../../src/contract/profile.ts';
import { temporalServer } from '../../src/stack/temporal-server.ts';

const run = promisify(execFile);
const NAMES = ['plain', 'two words', 'größe', 'x#y', 'x?y', 'my%20folder', '[wip] x', "it's", 'a$HOME', 'a*b', '100%', 'a;b&c=d', '商品'];

/** Reads what the store wrote, writes an object of its own, and lists both. */
const PROGRAM = `
import json, sys
from longhaul.store import join, open_store
root = sys.argv[1]
store = open_store(root)
found = store.read(join(root, "runs/r1/from-node"))
store.write(join(root, "runs/r1/from-python"), [b"python"])
print(json.dumps({"read": found and found.data.decode(), "listed": sorted(store.list(join(root, "runs"))), "below": sorted(store.list(join(root, "runs/")))}))
`;

let scratch: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'longhaul-folders-'));
});
afterAll(() => rm(scratch, { recursive: true }));

describe.each(NAMES)('in a folder called %j', (name) => {
  it('Node and Python mean the same objects by the same URIs', async () => {
    const directory = join(scratch, name, 'store');
    await mkdir(directory, { recursive: true });
    const store = await openDirectoryStore({ kind: 'directory', path: directory });
    expect(store.root).toBe(pathToFileURL(directory).href);
    expect(fileURLToPath(store.root)).toBe(directory);
    expect(pathOfFileUri(store.root)).toBe(directory);
    expect(storageRoot({ storage: { kind: 'directory', path: directory } } as Profile)).toBe(store.root);

    await store.write(`${store.root}/runs/r1/from-node`, 'node');
    const { command, args, env } = pythonCommand('longhaul', []);
    const { stdout } = await run(command, ['-c', PROGRAM, store.root], { env, cwd: join(scratch, name) });
    expect(args[0]).toBeDefined();
    const both = ['from-node', 'from-python'].map((object) => `${store.root}/runs/r1/${object}`);
    expect(JSON.parse(stdout)).toEqual({ read: 'node', listed: both, below: both });

    const listed: string[] = [];
    for await (const { uri } of store.list(`${store.root}/runs/`)) listed.push(uri);
    expect(listed.sort()).toEqual(both);
    expect(await readFile(join(directory, 'runs/r1/from-python'), 'utf8')).toBe('python');
  });

  it('what earlier releases called its objects is still found', async () => {
    const directory = join(scratch, name, 'former');
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, 'object'), 'kept');
    const store = await openDirectoryStore({ kind: 'directory', path: directory });
    expect(Buffer.from((await store.read(`file://${directory}/object`))?.data ?? []).toString()).toBe('kept');
  });

  it("the server's database has a name that SQLite cannot read as something else", () => {
    const { args, cwd } = temporalServer(join(scratch, name, '.longhaul'), { temporal: 1, ui: 2 });
    expect(args[args.indexOf('--db-filename') + 1]).toMatch(/^[a-z.]+$/);
    expect(cwd).toBe(join(scratch, name, '.longhaul'));
  });
});
