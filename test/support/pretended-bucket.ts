import type { ObjectInfo, ObjectStore } from '../../src/ports/object-store.ts';

/** A directory that calls itself a bucket: these tests read no data. */
export function asGcs(directory: ObjectStore): ObjectStore {
  const root = 'gs://models';
  const inside = (uri: string): string => uri.replace(root, directory.root);
  const outside = (info: ObjectInfo): ObjectInfo => ({ ...info, uri: info.uri.replace(directory.root, root) });
  return {
    root,
    read: async (uri) => {
      const found = await directory.read(inside(uri));
      return found && { data: found.data, info: outside(found.info) };
    },
    write: async (uri, data, options) => outside(await directory.write(inside(uri), data, options)),
    upload: async (path, uri, options) => outside(await directory.upload(path, inside(uri), options)),
    download: async (uri, path) => outside(await directory.download(inside(uri), path)),
    stat: async (uri) => {
      const found = await directory.stat(inside(uri));
      return found && outside(found);
    },
    async *list(prefix) {
      for await (const info of directory.list(inside(prefix))) yield outside(info);
    },
    remove: (uri, options) => directory.remove(inside(uri), options),
  };
}
